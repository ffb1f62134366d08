//! A function as the attributes read it: its signature, and its statements as mere tokens.

use proc_macro2::{Group, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, Ident, Meta, Pat, PatIdent, Result, Signature, Token, Visibility,
    braced, parenthesized,
    parse::{Parse, ParseStream, Parser},
    token::Brace,
};

use crate::pattern;

/// A function with a body.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) brace: Brace,
    pub(crate) statements: TokenStream,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        let start = input.span();
        if !starts_function(input) {
            return Err(Error::new(
                start,
                "this attribute goes on a function: put it on the `fn` itself",
            ));
        }
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(Error::new(
                sig.ident.span(),
                "this function has no body: put the attribute on the implementations",
            ));
        }
        let body;
        let brace = braced!(body in input);
        for mut inner in body.call(Attribute::parse_inner)? {
            inner.style = syn::AttrStyle::Outer;
            attrs.push(inner);
        }
        Ok(Self { attrs, vis, sig, brace, statements: body.parse()? })
    }
}

impl Function {
    /// The function with other statements between its braces.
    pub(crate) fn with_statements(&self, statements: TokenStream) -> TokenStream {
        let Self { attrs, vis, sig, .. } = self;
        let body = self.block(statements);
        quote!(#(#attrs)* #vis #sig #body)
    }

    /// `statements` between the function's own braces, as a block of this crate's edition: in
    /// earlier ones the temporaries of its last expression would outlive the parameters that they
    /// borrow.
    pub(crate) fn block(&self, statements: TokenStream) -> Group {
        let mut body = Group::new(proc_macro2::Delimiter::Brace, statements);
        body.set_span(self.brace.span.join().resolved_at(Span::call_site()));
        body
    }

    /// Whether another attribute wants to see the function as it was written. Those that stood
    /// above have expanded, or are built in.
    pub(crate) fn is_awaited_by_others(&self) -> bool {
        const BUILT_IN: [&str; 13] = [
            "allow",
            "automatically_derived",
            "cfg",
            "cfg_attr",
            "cold",
            "deny",
            "deprecated",
            "doc",
            "expect",
            "forbid",
            "inline",
            "no_mangle",
            "warn",
        ];
        self.attrs.iter().any(|attr| !BUILT_IN.iter().any(|name| attr.path().is_ident(name)))
    }

    /// The statements of the coroutine that `#[async_trait]` has made of an `async fn`: known by
    /// the lifetime that it gives to the box.
    pub(crate) fn async_trait_coroutine(&self) -> Option<TokenStream> {
        let generics = &self.sig.generics;
        generics.lifetimes().find(|parameter| parameter.lifetime.ident == "async_trait")?;
        let boxed = |input: ParseStream<'_>| {
            input.parse::<Ident>().and_then(|name| expect(&name, "Box"))?;
            input.parse::<Token![::]>()?;
            input.parse::<Ident>().and_then(|name| expect(&name, "pin"))?;
            let argument;
            parenthesized!(argument in input);
            argument.parse::<Token![async]>()?;
            argument.parse::<Token![move]>()?;
            let statements;
            braced!(statements in argument);
            argument.parse::<Option<Token![,]>>()?;
            statements.parse()
        };
        boxed.parse2(self.statements.clone()).ok()
    }

    /// Whether the function takes `self` by value.
    pub(crate) fn consumes_self(&self) -> bool {
        self.sig
            .receiver()
            .is_some_and(|receiver| !matches!(receiver.kind, syn::ReceiverKind::Reference(..)))
    }

    /// Gives every parameter a plain name, and returns the statements that bind the parameters as
    /// they were written. A block that begins with them owns all parameters, also `_` and unused
    /// ones, so that they drop when it ends, in the order in which a function drops them.
    ///
    /// Where other attributes follow, which may name the parameters, the patterns stay as they are:
    /// then what a pattern binds moves into the block, and what it leaves drops with the function.
    pub(crate) fn rebind_parameters(&mut self) -> TokenStream {
        let stay = self.is_awaited_by_others();
        let mut statements = TokenStream::new();
        for (index, input) in self.sig.inputs.iter_mut().enumerate() {
            let parameter = match input {
                FnArg::Receiver(receiver) => {
                    let token = receiver.self_token;
                    statements.extend(quote!(let _ = &#token;));
                    continue;
                }
                FnArg::Typed(parameter) => parameter,
            };
            let conditions = parameter.attrs.iter().filter(|attr| is_lint_or_cfg(attr));
            let conditions = quote!(#(#conditions)*);
            let is_plain =
                matches!(&*parameter.pat, Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }));
            if is_plain || stay {
                for (mutability, ident) in pattern::take_bindings(&mut parameter.pat) {
                    let quiet = quiet(&ident);
                    statements.extend(quote!(#conditions #quiet let #mutability #ident = #ident;));
                    if stay {
                        // The attributes below use it even where the statements do not.
                        statements.extend(quote!(#conditions #quiet let _ = &#ident;));
                    }
                }
                continue;
            }
            let plain = format_ident!("__lifecycle_parameter_{index}", span = Span::mixed_site());
            let pattern = std::mem::replace(&mut *parameter.pat, pattern::plain(&plain));
            statements.extend(quote!(#conditions let #plain = #plain;));
            if !matches!(pattern, Pat::Wild(_)) {
                statements.extend(quote!(#conditions let #pattern = #plain;));
            }
        }
        statements
    }
}

fn starts_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    loop {
        if ahead.peek(Token![fn]) {
            return true;
        }
        let qualifier = ahead.parse::<Token![const]>().is_ok()
            || ahead.parse::<Token![async]>().is_ok()
            || ahead.parse::<Token![unsafe]>().is_ok()
            || ahead.parse::<syn::Abi>().is_ok();
        if !qualifier {
            return false;
        }
    }
}

fn expect(name: &Ident, word: &str) -> Result<()> {
    if name == word { Ok(()) } else { Err(Error::new(name.span(), word)) }
}

/// A name that says it is not used is used by the statements here.
fn quiet(ident: &Ident) -> TokenStream {
    if ident.to_string().starts_with('_') {
        quote!(#[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)])
    } else {
        TokenStream::new()
    }
}

fn is_lint_or_cfg(attr: &Attribute) -> bool {
    ["allow", "cfg", "deny", "expect", "forbid", "warn"]
        .iter()
        .any(|name| attr.path().is_ident(name))
}

/// The `#[cfg(..)]` of a parameter, which rustc leaves in place for us to repeat.
pub(crate) fn conditions(attrs: &[Attribute]) -> TokenStream {
    attrs
        .iter()
        .filter(|attr| matches!(&attr.meta, Meta::List(list) if list.path.is_ident("cfg")))
        .map(ToTokens::to_token_stream)
        .collect()
}
