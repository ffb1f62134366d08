//! `#[lifecycle::main]`: a plain `fn main` that hands the `async fn main` to the library.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Error, Expr, Ident, LitBool, LitInt, LitStr, Result,
    parse::{ParseStream, Parser},
};

use crate::{
    args::{self, Krate},
    function::Function,
    output,
};

const OPTIONS: [&str; 6] = ["flavor", "worker_threads", "start_paused", "config", "job", "crate"];

/// The function that runs the annotated one.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = (|input: ParseStream<'_>| Options::read(input)).parse2(args)?;
    let function: Function = syn::parse2(item)?;
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        return Err(Error::new_spanned(
            sig.fn_token,
            "`main` has to be async to be stopped: write `async fn`",
        ));
    }
    if let Some(input) = sig.inputs.first() {
        return Err(Error::new_spanned(
            input,
            "`main` takes no parameters: read them inside, for instance with `std::env::args()`",
        ));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &sig.generics,
            "`main` is called once, for no type that could be chosen: remove the parameters in `<>`",
        ));
    }
    let p = options.krate.private();
    let (vis, name) = (&function.vis, &sig.ident);
    let config = options.config(&p);
    let runtime = options.runtime(&p);
    let arguments = quote!(#config, || #runtime, #name);
    // At the return type, so that an error about that points there.
    let run = args::spanning(quote!(#p::main), arguments, &output::place(sig));
    let mut inner = function.clone();
    inner.vis = syn::Visibility::Inherited;
    let inner = inner.with_statements(function.statements.clone());
    let docs = function.attrs.iter().filter(|attr| attr.path().is_ident("doc"));
    Ok(quote! {
        #(#docs)*
        #vis fn #name() -> #p::MainExit {
            #inner
            #run
        }
    })
}

/// A `main` for a program whose annotated one is in error, so that this is the only error.
pub(crate) fn stand_in(item: &TokenStream) -> TokenStream {
    quote! {
        fn main() {
            #[allow(dead_code)]
            #item
        }
    }
}

#[derive(Default)]
struct Options {
    flavor: Flavor,
    worker_threads: Option<LitInt>,
    start_paused: Option<LitBool>,
    config: Option<Expr>,
    job: bool,
    krate: Krate,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Flavor {
    CurrentThread,
    #[default]
    MultiThread,
}

impl Options {
    fn read(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        args::read(input, &OPTIONS, |key, input| {
            match key.to_string().as_str() {
                "flavor" => {
                    options.flavor = Flavor::read(&args::value(key, input, "\"multi_thread\"")?)?;
                }
                "worker_threads" => options.worker_threads = Some(worker_threads(key, input)?),
                "start_paused" => options.start_paused = Some(args::value(key, input, "true")?),
                "config" => options.config = Some(args::value(key, input, "config()")?),
                "job" if input.peek(syn::Token![=]) => {
                    return Err(Error::new(
                        key.span(),
                        "`job` stands alone: write `job` or leave it out",
                    ));
                }
                "job" => options.job = true,
                _ => options.krate = args::value(key, input, "path")?,
            }
            Ok(())
        })?;
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        match (self.flavor, &self.worker_threads, &self.start_paused) {
            (Flavor::CurrentThread, Some(threads), _) => Err(Error::new(
                threads.span(),
                "a `current_thread` runtime has one thread: remove `worker_threads`, or use the flavor `multi_thread`",
            )),
            (Flavor::MultiThread, _, Some(paused)) if paused.value => Err(Error::new(
                paused.span(),
                "only one thread can have its clock paused: add `flavor = \"current_thread\"`",
            )),
            _ => Ok(()),
        }
    }

    fn config(&self, p: &TokenStream) -> TokenStream {
        let config = self
            .config
            .as_ref()
            .map_or_else(|| quote!(#p::Config::new()), ToTokens::to_token_stream);
        if self.job { quote!(#p::Config::job(#config, true)) } else { config }
    }

    fn runtime(&self, p: &TokenStream) -> TokenStream {
        let new = match self.flavor {
            Flavor::CurrentThread => quote!(new_current_thread),
            Flavor::MultiThread => quote!(new_multi_thread),
        };
        let threads = self.worker_threads.as_ref().map(|threads| quote!(.worker_threads(#threads)));
        // `tokio` has this method only with its feature `test-util`.
        let paused = self.start_paused.as_ref().filter(|paused| paused.value);
        let paused = paused.map(|paused| quote!(.start_paused(#paused)));
        quote!(#p::tokio::runtime::Builder::#new() #threads .enable_all() #paused .build())
    }
}

impl Flavor {
    fn read(text: &LitStr) -> Result<Self> {
        match text.value().as_str() {
            "current_thread" => Ok(Self::CurrentThread),
            "multi_thread" => Ok(Self::MultiThread),
            "local" => Err(Error::new(
                text.span(),
                "a local runtime cannot run hooks, which are `Send` tasks: use `current_thread`",
            )),
            _ => Err(Error::new(
                text.span(),
                "unknown flavor; the flavors are `multi_thread` and `current_thread`",
            )),
        }
    }
}

fn worker_threads(key: &Ident, input: ParseStream<'_>) -> Result<LitInt> {
    let threads: LitInt = args::value(key, input, "4")?;
    if threads.base10_parse::<usize>()? == 0 {
        return Err(Error::new(
            threads.span(),
            "a runtime without threads runs nothing: write at least 1",
        ));
    }
    Ok(threads)
}
