//! The attributes of `lifecycle-hooks`; their documentation stands there.

mod answer;
mod args;
mod entry;
mod function;
mod on_shutdown;
mod output;
mod parameter;
mod pattern;
mod test;
mod tracked;

use proc_macro::TokenStream;
use quote::quote;

#[allow(missing_docs)] // documented where `lifecycle-hooks` re-exports it, as examples run there
#[proc_macro_attribute]
pub fn on_shutdown(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match on_shutdown::expand(args.into(), item.clone()) {
        Ok(expansion) => quote!(#item #expansion).into(),
        Err(error) => {
            let error = error.into_compile_error();
            let stand_in = on_shutdown::stand_in(item.clone());
            quote!(#item #stand_in #error).into()
        }
    }
}

#[allow(missing_docs)] // documented where `lifecycle-hooks` re-exports it, as examples run there
#[proc_macro_attribute]
pub fn tracked(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match tracked::expand(args.into(), item.clone()) {
        Ok(expansion) => expansion.into(),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#item #error).into()
        }
    }
}

#[allow(missing_docs)] // documented where `lifecycle-hooks` re-exports it, as examples run there
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match entry::expand(args.into(), item.clone()) {
        Ok(expansion) => expansion.into(),
        Err(error) => {
            let error = error.into_compile_error();
            let stand_in = entry::stand_in(&item);
            quote!(#stand_in #error).into()
        }
    }
}

#[allow(missing_docs)] // documented where `lifecycle-hooks` re-exports it, as examples run there
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match test::expand(args.into(), item.clone()) {
        Ok(expansion) => expansion.into(),
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#item #error).into()
        }
    }
}
