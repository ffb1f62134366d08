//! `#[on_shutdown]`: leaves the function alone and puts a marker type and a declaration beside it.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, Expr, GenericParam, Ident, LitStr, Result, Signature, Token, Type,
    Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

use crate::{
    args::{self, Krate, Length},
    function::Function,
    output::{self, Output},
    parameter::Parameter,
};

const OPTIONS: [&str; 9] =
    ["order", "timeout", "after", "before", "uses", "if_provided", "name", "marker", "crate"];

/// What stands beside the function.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = (|input: ParseStream<'_>| Options::read(input)).parse2(args)?;
    let Function { vis, sig, .. } = syn::parse2(item)?;
    refuse_qualifiers(&sig)?;
    let result = result(&sig)?;
    let lifetimes = lifetimes(&sig)?;
    let parameters = sig
        .inputs
        .iter()
        .map(|input| Parameter::read(input, &lifetimes))
        .collect::<Result<Vec<_>>>()?;
    let result = output::elide(result, &lifetimes);

    options.check(&parameters)?;

    let p = options.krate.private();
    let marker_ident = options.marker.as_ref().unwrap_or(&sig.ident);
    let marker = at_call_site(marker_ident);
    let declaration = options.declaration(&sig, &marker, &parameters, &result);
    let kinds = parameters.iter().map(|parameter| parameter.check(&p));
    let pairs = parameters.iter().enumerate().flat_map(|(index, later)| {
        parameters[..index]
            .iter()
            .map(|earlier| later.check_against(earlier, &p))
            .collect::<Vec<_>>()
    });
    let uses = options.uses.iter().map(|used| check_used(used, &parameters, &p));
    let marker_type = marker_type(&vis, &marker);
    Ok(quote! {
        #marker_type
        const _: () = {
            use #p::{NotClone as _, Otherwise as _};
            #(#kinds)*
            #(#pairs)*
            #(#uses)*
            impl #p::Hook for #marker {
                fn declared() -> &'static #p::HookDecl {
                    static DECLARATION: #p::HookDecl = #declaration;
                    &DECLARATION
                }
            }
            #p::inventory::submit! { #p::HookEntry(<#marker as #p::Hook>::declared) }
        };
    })
}

/// The marker of a hook that is in error, so that those who name it get no errors of their own.
pub(crate) fn stand_in(item: TokenStream) -> TokenStream {
    let Ok(Function { vis, sig, .. }) = syn::parse2(item) else { return TokenStream::new() };
    if sig.receiver().is_some() {
        return TokenStream::new();
    }
    let p = Krate::default().private();
    let marker = at_call_site(&sig.ident);
    let marker_type = marker_type(&vis, &marker);
    quote! {
        #marker_type
        impl #p::Hook for #marker {
            fn declared() -> &'static #p::HookDecl { loop {} }
        }
    }
}

/// Uninhabited, and resolved as generated code, so that no lint on names or docs applies to it.
fn marker_type(vis: &Visibility, marker: &Ident) -> TokenStream {
    quote!(#[doc(hidden)] #vis enum #marker {})
}

fn at_call_site(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ident.span().resolved_at(Span::call_site()));
    ident
}

#[derive(Default)]
struct Options {
    order: Option<Expr>,
    timeout: Option<Length>,
    after: Vec<Listed>,
    after_written: bool,
    before: Vec<Listed>,
    uses: Vec<Listed>,
    if_provided: Option<Span>,
    name: Option<LitStr>,
    marker: Option<Ident>,
    krate: Krate,
}

/// What stands in a list: a hook or a resource, under its `#[cfg(..)]`.
type Listed = (Vec<Attribute>, Type);

impl Options {
    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        args::read(input, &OPTIONS, |key, input| {
            match key.to_string().as_str() {
                "order" => options.order = Some(args::value(key, input, "10")?),
                "timeout" => options.timeout = Some(args::value(key, input, "\"5s\"")?),
                "after" => {
                    options.after = list(key, input, HOOKS)?;
                    options.after_written = true;
                }
                "before" => options.before = list(key, input, HOOKS)?,
                "uses" => options.uses = used(key, input)?,
                "if_provided" if input.peek(Token![=]) => {
                    return Err(Error::new(
                        key.span(),
                        "`if_provided` stands alone: write `if_provided` or leave it out",
                    ));
                }
                "if_provided" => options.if_provided = Some(key.span()),
                "name" => options.name = Some(args::name(key, input)?),
                "marker" => options.marker = Some(args::value(key, input, "ClosePool")?),
                _ => options.krate = args::value(key, input, "path")?,
            }
            Ok(())
        })?;
        Ok(options)
    }

    fn check(&self, parameters: &[Parameter]) -> Result<()> {
        match self.if_provided {
            Some(place) if !parameters.iter().any(Parameter::must_be_there) => Err(Error::new(
                place,
                "`if_provided` is for a hook that needs a resource, `&T` or `T`: this one runs whatever is provided",
            )),
            _ => Ok(()),
        }
    }

    fn declaration(
        &self,
        sig: &Signature,
        marker: &Ident,
        parameters: &[Parameter],
        result: &TokenStream,
    ) -> TokenStream {
        let p = self.krate.private();
        let name_written = self.name.is_some();
        let name = args::item_name(self.name.as_ref(), &sig.ident);
        let order = option(&p, self.order.as_ref().map(ToTokens::to_token_stream));
        let timeout = option(&p, self.timeout.as_ref().map(|timeout| timeout.tokens(&p)));
        let after = declared(&p, &self.after);
        let after_written = self.after_written;
        let before = declared(&p, &self.before);
        let uses = self.uses.iter();
        let uses = uses.map(|(attrs, used)| quote!(#(#attrs)* #p::Need::borrow::<#used>()));
        let if_provided = self.if_provided.is_some();
        let blocking = sig.asyncness.is_none();
        let needs = parameters.iter().map(|parameter| parameter.need(&p));
        let start = start(&p, sig, parameters, result);
        quote! {
            #p::HookDecl {
                marker: #p::TypeId::of::<#marker>(),
                name: #name,
                name_written: #name_written,
                location: #p::SourceLocation::new(::core::file!(), ::core::line!()),
                order: #order,
                timeout: #timeout,
                after: &[#after],
                after_written: #after_written,
                before: &[#before],
                blocking: #blocking,
                needs: &[#(#needs),*],
                uses: &[#(#uses),*],
                if_provided: #if_provided,
                start: #start,
            }
        }
    }
}

/// How a list of hooks is written.
const HOOKS: &str = "[path::to::hook]";

/// Reads `= [..]`; `example` is such a list.
fn list(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<Vec<Listed>> {
    if input.peek(Token![=]) && !input.peek2(syn::token::Bracket) {
        return Err(Error::new(
            key.span(),
            format!("`{key}` takes a list: write `{key} = {example}`"),
        ));
    }
    let list = args::value::<proc_macro2::Group>(key, input, example)?;
    if let Some(text) =
        list.stream().into_iter().find(|token| matches!(token, TokenTree::Literal(_)))
    {
        return Err(Error::new(
            text.span(),
            format!(
                "`{key}` takes paths, as in a `use`, and no names in quotes: write `{key} = {example}`"
            ),
        ));
    }
    let listed = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_outer)?, input.parse()?));
    let list = (|input: ParseStream<'_>| {
        Punctuated::<Listed, Token![,]>::parse_terminated_with(input, listed)
    })
    .parse2(list.stream())?;
    Ok(list.into_iter().collect())
}

/// Reads the types of `uses = [..]`.
fn used(key: &Ident, input: ParseStream<'_>) -> Result<Vec<Listed>> {
    let listed = list(key, input, "[Type]")?;
    for (_, used) in &listed {
        if let Type::Reference(_) = output::bare(used) {
            return Err(Error::new_spanned(
                used,
                "what a hook uses counts as borrowed: write the type itself, without `&`",
            ));
        }
        if output::argument_of(used, "Option").is_some() {
            return Err(Error::new_spanned(
                used,
                "what a hook uses need not be provided: write the type itself, without `Option`",
            ));
        }
    }
    Ok(listed)
}

/// Fails the build where what is used is no resource, or is a parameter already.
fn check_used((attrs, used): &Listed, parameters: &[Parameter], p: &TokenStream) -> TokenStream {
    let place = used.to_token_stream();
    let kind = quote!(#p::Tag::<#used>::KIND, true);
    let resource = args::spanning(quote!(#p::must_be_resource), kind, &place);
    let others = parameters.iter().map(|parameter| parameter.check_unused(used, p));
    let others = others.map(|check| quote!(#(#attrs)* #check));
    quote!(#(#attrs)* const _: () = #resource; #(#others)*)
}

fn declared(p: &TokenStream, edges: &[Listed]) -> TokenStream {
    edges.iter().map(|(attrs, hook)| quote!(#(#attrs)* <#hook as #p::Hook>::declared,)).collect()
}

fn option(p: &TokenStream, value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote!(#p::None), |value| quote!(#p::Some(#value)))
}

/// The function that binds the parameters and makes the call.
fn start(
    p: &TokenStream,
    sig: &Signature,
    parameters: &[Parameter],
    result: &TokenStream,
) -> TokenStream {
    let binder = Ident::new("__lifecycle_binder", Span::mixed_site());
    let variables: Vec<_> = (0..parameters.len())
        .map(|index| format_ident!("__lifecycle_argument_{index}", span = Span::mixed_site()))
        .collect();
    let binds =
        parameters.iter().zip(&variables).map(|(parameter, name)| parameter.bind(p, &binder, name));
    let passed = parameters.iter().zip(&variables).map(|(parameter, name)| parameter.pass(name));
    let function = &sig.ident;
    let call = quote!(#function(#(#passed),*));
    let end = |call| {
        let into_end = quote!(<#result as #p::HookResult>::into_end);
        quote!(#into_end(#call))
    };
    let place = function.to_token_stream();
    let body = if sig.asyncness.is_some() {
        let end = end(quote!(#call.await));
        let boxed = args::spanning(quote!(#p::Box::pin), quote!(async move { #end }), &place);
        quote!(#p::Body::Async(#boxed))
    } else {
        let end = end(call);
        quote!(#p::Body::Sync(#p::Box::new(move || #end)))
    };
    quote! {
        |#binder| {
            let _ = &#binder;
            #(#binds)*
            #p::Some(#body)
        }
    }
}

fn refuse_qualifiers(sig: &Signature) -> Result<()> {
    if let Some(token) = &sig.constness {
        return Err(Error::new_spanned(token, "a hook does its work at run time: remove `const`"));
    }
    if let syn::Safety::Unsafe(token) = &sig.safety {
        return Err(Error::new_spanned(
            token,
            "the library calls hooks and cannot promise what `unsafe` asks for: remove `unsafe` here and write the block inside",
        ));
    }
    if let Some(abi) = &sig.abi {
        return Err(Error::new_spanned(
            abi,
            "the library calls hooks as Rust functions: remove `extern`",
        ));
    }
    Ok(())
}

/// The names of the function's lifetimes, its only generic parameters.
fn lifetimes(sig: &Signature) -> Result<Vec<String>> {
    let names = sig.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Lifetime(lifetime) => Ok(lifetime.lifetime.ident.unraw().to_string()),
        GenericParam::Type(_) | GenericParam::Const(_) => Err(Error::new_spanned(
            parameter,
            "a hook is registered once, for concrete types: name them in the parameters, and call the generic function from the hook",
        )),
    });
    names.collect()
}

/// The type of what the call gives, for an expression.
fn result(sig: &Signature) -> Result<TokenStream> {
    let wrong = |what: &str| Err(Error::new_spanned(output::place(sig), what));
    match Output::of(sig) {
        Output::Value(ty) => Ok(ty.to_token_stream()),
        Output::Never => {
            wrong("the teardown waits for its hooks to end: return `()` or `Result<(), E>`")
        }
        Output::Hidden => {
            wrong("a hook returns `()` or `Result<(), E>` where `E: std::fmt::Display`")
        }
        Output::Future { .. } | Output::Stream { .. } => {
            wrong("make this hook an `async fn`; it returns `()` or `Result<(), E>`")
        }
    }
}
