//! `#[lifecycle::test]`: an `async fn` on a current_thread runtime with a paused clock.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Result, parse::Parser};

use crate::{
    args::{self, Krate},
    function::Function,
};

/// The function that the test harness runs.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut krate = Krate::default();
    let read = |input: syn::parse::ParseStream<'_>| {
        args::read(input, &["crate"], |key, input| {
            krate = args::value(key, input, "path")?;
            Ok(())
        })
    };
    read.parse2(args)?;
    let mut function: Function = syn::parse2(item)?;
    let sig = &function.sig;
    if sig.asyncness.is_none() {
        let text = "a test on virtual time is async: write `async fn`, or use `#[test]`";
        return Err(Error::new_spanned(sig.fn_token, text));
    }
    if let Some(input) = sig.inputs.first() {
        return Err(Error::new_spanned(input, "a test takes no parameters"));
    }
    let p = krate.private();
    let (vis, name, output) = (function.vis.clone(), sig.ident.clone(), sig.output.clone());
    // `#[should_panic]` and the like are for the harness.
    let attrs = std::mem::take(&mut function.attrs);
    function.vis = syn::Visibility::Inherited;
    let inner = function.with_statements(function.statements.clone());
    Ok(quote! {
        #(#attrs)*
        #[::core::prelude::v1::test]
        #vis fn #name() #output {
            #inner
            #p::test(#name())
        }
    })
}
