//! `#[tracked]`: puts the question "may this call run?" before the function's first statement, and
//! counts the call until its last parameter is dropped.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Error, Expr, Ident, LitStr, Result, Type,
    parse::{ParseStream, Parser},
};

use crate::{
    answer::Answer,
    args::{self, Krate, Length},
    function::Function,
    output::{self, Output},
};

const OPTIONS: [&str; 5] = ["name", "admit", "refused", "drain", "crate"];

/// The function, tracked.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = (|input: ParseStream<'_>| Options::read(input)).parse2(args)?;
    let function: Function = syn::parse2(item)?;
    if let Some(token) = &function.sig.constness {
        return Err(Error::new_spanned(
            token,
            "a call that the compiler makes cannot be counted: remove `const` or `#[tracked]`",
        ));
    }
    let output = Output::of(&function.sig);
    let answer = {
        let may_refuse = !options.always || matches!(options.drain, Some(Drain::Cancel { .. }));
        Answer::choose(may_refuse, options.refused.as_ref(), &function.sig, &output)?
    };
    let coroutine = match output {
        Output::Future { boxed: true, .. } => function.async_trait_coroutine(),
        _ => None,
    };
    if let (Some(drain), None, None) = (&options.drain, &function.sig.asyncness, &coroutine) {
        drain.refuse_for_sync()?;
    }
    let p = options.krate.private();
    let site = options.site(&function);
    Ok(match (output, coroutine) {
        (output, _) if function.sig.asyncness.is_some() => {
            asynchronous(&p, &site, &options, &answer, &output, function)
        }
        (Output::Future { .. }, Some(coroutine)) => {
            boxed(&p, &site, &options, &answer, &function, &coroutine)
        }
        (Output::Future { boxed, .. }, None) => {
            polled(&p, &site, &answer, Polled::Future, boxed, function)
        }
        (Output::Stream { boxed, .. }, _) => {
            polled(&p, &site, &answer, Polled::Stream, boxed, function)
        }
        (output, _) => synchronous(&p, &site, &answer, &output, function),
    })
}

/// An `async fn`: its own first statement asks, inside a wrapper that makes the calls in it
/// inherit.
fn asynchronous(
    p: &TokenStream,
    site: &TokenStream,
    options: &Options,
    answer: &Answer,
    output: &Output,
    mut function: Function,
) -> TokenStream {
    let parameters = function.rebind_parameters();
    let statements = &function.statements;
    let call = coroutine(p, options, answer, &function, &quote!(#parameters #statements));
    // Attributes below must see the `async fn`: `#[instrument]` would take another function for one
    // that only makes a future. So must a `!`, which no other place than a return type may name.
    if function.is_awaited_by_others() || matches!(output, Output::Never) {
        return function.with_statements(quote!(#site #call.await));
    }
    let returns = match &function.sig.output {
        syn::ReturnType::Default => quote!(()),
        syn::ReturnType::Type(_, ty) => ty.to_token_stream(),
    };
    function.sig.asyncness = None;
    function.sig.output = syn::ReturnType::Type(
        Default::default(),
        Box::new(Type::Verbatim(quote!(impl #p::Future<Output = #returns>))),
    );
    function.with_statements(quote!(#site #call))
}

/// What `#[async_trait]` makes of an `async fn`: the same, inside its own box.
fn boxed(
    p: &TokenStream,
    site: &TokenStream,
    options: &Options,
    answer: &Answer,
    function: &Function,
    statements: &TokenStream,
) -> TokenStream {
    let mut call = coroutine(p, options, answer, function, statements);
    // Attributes below look for this very shape.
    if function.is_awaited_by_others() {
        call = quote!(async move { #call.await });
    }
    function.with_statements(quote!(#site Box::pin(#call)))
}

/// The call of a coroutine that asks first.
fn coroutine(
    p: &TokenStream,
    options: &Options,
    answer: &Answer,
    function: &Function,
    statements: &TokenStream,
) -> TokenStream {
    let leave = answer.leave(p);
    let body = function.block(quote! {
        if let #p::Err(__lifecycle_refused) = #p::admitted(&__LIFECYCLE_SITE) { #leave; };
        #statements
    });
    let call = quote!(#p::Tracked::new(&__LIFECYCLE_SITE, async move #body));
    if matches!(options.drain, Some(Drain::Cancel { .. })) {
        let give = answer.give(p);
        return quote!(#p::Cancellable::new(&__LIFECYCLE_SITE, |__lifecycle_refused| #give, #call));
    }
    call
}

/// A function that returns a future or a stream: the call lasts from here to the end of that.
fn polled(
    p: &TokenStream,
    site: &TokenStream,
    answer: &Answer,
    polled: Polled,
    boxed: bool,
    mut function: Function,
) -> TokenStream {
    let (method, holder) = match polled {
        Polled::Future => (quote!(future), quote!(HeldFuture)),
        Polled::Stream => (quote!(stream), quote!(HeldStream)),
    };
    let parameters = function.rebind_parameters();
    let written = output::place(&function.sig);
    let (returns, inner) =
        if boxed { (quote!(-> #written), quote!(::<#written>)) } else { Default::default() };
    let give = answer.give(p);
    let statements = &function.statements;
    let body = function.block(quote!(#parameters #statements));
    let mut run = quote!(#p::Held::#method(__lifecycle_held, move || #returns #body));
    let mut refuse = quote!(#p::#holder #inner::refused(#give));
    if boxed {
        run = quote!(#p::Box::pin(#run));
        refuse = quote!(#p::Box::pin(#refuse));
    }
    function.with_statements(quote! {
        #site
        match #p::hold(&__LIFECYCLE_SITE) {
            #p::Ok(__lifecycle_held) => #run,
            #p::Err(__lifecycle_refused) => #refuse,
        }
    })
}

#[derive(Clone, Copy)]
enum Polled {
    Future,
    Stream,
}

/// A function that runs to its end: a guard, declared first, drops last.
fn synchronous(
    p: &TokenStream,
    site: &TokenStream,
    answer: &Answer,
    output: &Output,
    mut function: Function,
) -> TokenStream {
    let parameters = function.rebind_parameters();
    let leave = answer.leave(p);
    let statements = &function.statements;
    let check = match output {
        Output::Value(ty) => {
            let place = ty.to_token_stream();
            let future =
                args::spanning(quote!(#p::Tag::<#ty>::is_no_future), TokenStream::new(), &place);
            let stream =
                args::spanning(quote!(#p::Tag::<#ty>::is_no_stream), TokenStream::new(), &place);
            quote!({ use #p::Otherwise as _; #future; #stream; })
        }
        _ => TokenStream::new(),
    };
    // `self` cannot be bound anew, and as a parameter it would outlive every local.
    let run = if function.consumes_self() {
        let returns = match output {
            Output::Value(ty) => quote!(-> #ty),
            Output::Never => quote!(-> !),
            _ => TokenStream::new(),
        };
        let body = function.block(quote!(#parameters #statements));
        quote!((move || #returns #body)())
    } else {
        quote!(#parameters #statements)
    };
    function.with_statements(quote! {
        #site
        let __lifecycle_entered = match #p::enter(&__LIFECYCLE_SITE) {
            #p::Ok(__lifecycle_call) => __lifecycle_call,
            #p::Err(__lifecycle_refused) => #leave,
        };
        #check
        #run
    })
}

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    always: bool,
    refused: Option<Expr>,
    drain: Option<Drain>,
    krate: Krate,
}

impl Options {
    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        args::read(input, &OPTIONS, |key, input| {
            match key.to_string().as_str() {
                "name" => options.name = Some(args::name(key, input)?),
                "admit" => {
                    let word: Ident = args::value(key, input, "always")?;
                    if word != "always" {
                        return Err(Error::new(
                            word.span(),
                            "the only value is `admit = always`; without it calls are refused once draining",
                        ));
                    }
                    options.always = true;
                }
                "refused" => options.refused = Some(args::value(key, input, "expression")?),
                "drain" => options.drain = Some(Drain::read(key, input)?),
                _ => options.krate = args::value(key, input, "path")?,
            }
            Ok(())
        })?;
        Ok(options)
    }

    fn site(&self, function: &Function) -> TokenStream {
        let p = self.krate.private();
        let name = args::item_name(self.name.as_ref(), &function.sig.ident);
        let always = self.always;
        let drain = match &self.drain {
            None | Some(Drain::Finish) => quote!(Finish),
            Some(Drain::Cancel { after: None, .. }) => quote!(CancelAfter(#p::Duration::ZERO)),
            Some(Drain::Cancel { after: Some(after), .. }) => {
                let after = after.tokens(&p);
                quote!(CancelAfter(#after))
            }
        };
        quote! {
            static __LIFECYCLE_SITE: #p::Site = #p::Site::declared(
                #name,
                #p::SourceLocation::new(::core::file!(), ::core::line!()),
                #p::Policy { admit_always: #always, drain: #p::Drain::#drain },
            );
            #p::inventory::submit! { #p::SiteEntry(&__LIFECYCLE_SITE) }
        }
    }
}

enum Drain {
    Finish,
    Cancel { word: Ident, after: Option<Length> },
}

impl Drain {
    fn read(key: &Ident, input: ParseStream<'_>) -> Result<Self> {
        let word: Ident = args::value(key, input, "cancel")?;
        match word.to_string().as_str() {
            "finish" => Ok(Self::Finish),
            "cancel" => Ok(Self::Cancel { word, after: None }),
            "cancel_after" if input.peek(syn::token::Paren) => {
                let after;
                syn::parenthesized!(after in input);
                Ok(Self::Cancel { word, after: Some(after.parse()?) })
            }
            "cancel_after" => {
                Err(Error::new(word.span(), "after how long? write `cancel_after(\"10s\")`"))
            }
            _ => Err(Error::new(
                word.span(),
                "the values of `drain` are `finish`, `cancel` and `cancel_after(\"10s\")`",
            )),
        }
    }

    fn refuse_for_sync(&self) -> Result<()> {
        match self {
            Self::Finish => Ok(()),
            Self::Cancel { word, .. } => Err(Error::new(
                word.span(),
                "only an `async fn` can be cancelled, as only that can be dropped while it waits: make it one, or leave `drain` out",
            )),
        }
    }
}
