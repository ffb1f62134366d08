//! What a refused call of a tracked function returns.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Expr, Result, Signature};

use crate::{
    args,
    output::{self, Output},
};

/// What a refused call returns.
pub(crate) struct Answer {
    how: How,
    of: Answered,
}

enum How {
    /// There is none: calls are neither refused nor cancelled.
    NotRefused,
    FromRefused,
    Overrides(Expr),
}

enum Answered {
    Type(TokenStream),
    Hidden,
    Never,
}

impl Answer {
    /// The answer of a function that `may_refuse`, with `given` for `refused = ..`.
    pub(crate) fn choose(
        may_refuse: bool,
        given: Option<&Expr>,
        sig: &Signature,
        output: &Output,
    ) -> Result<Self> {
        let of = match output {
            Output::Never => Answered::Never,
            Output::Hidden => Answered::Hidden,
            Output::Value(ty) | Output::Future { of: ty, .. } | Output::Stream { of: ty, .. } => {
                Answered::Type(ty.to_token_stream())
            }
        };
        let how = match given {
            Some(expr) if !may_refuse => {
                return Err(Error::new_spanned(
                    expr,
                    "with `admit = always` no call is refused: remove one of the two",
                ));
            }
            Some(expr) => How::Overrides(expr.clone()),
            None if may_refuse => How::FromRefused,
            None => How::NotRefused,
        };
        let place = output::place(sig);
        match (&how, &of) {
            (How::FromRefused, Answered::Hidden) => Err(Error::new_spanned(
                place,
                "the answer to a refused call has to be of this very type, which nobody can name\n\
                 return `Result<impl Trait, lifecycle::Refused>`, or give the answer: `#[tracked(refused = expression)]`,\n\
                 or count the calls and never refuse them: `#[tracked(admit = always)]`",
            )),
            (How::FromRefused | How::Overrides(_), Answered::Never) => Err(Error::new_spanned(
                place,
                "a function that never returns has no answer to a refused call: write `#[tracked(admit = always)]`",
            )),
            _ => Ok(Self { how, of }),
        }
    }

    /// The expression that leaves a call which was not let in.
    pub(crate) fn leave(&self, p: &TokenStream) -> TokenStream {
        if let (How::NotRefused, Answered::Hidden | Answered::Never) = (&self.how, &self.of) {
            return quote!({
                let _ = __lifecycle_refused;
                ::core::unreachable!()
            });
        }
        let give = self.give(p);
        quote!(return #give)
    }

    /// The expression that answers `__lifecycle_refused`.
    pub(crate) fn give(&self, p: &TokenStream) -> TokenStream {
        match (&self.how, &self.of) {
            (How::NotRefused, Answered::Type(ty)) => quote!({
                let _ = __lifecycle_refused;
                #p::never_refused::<#ty>()
            }),
            (How::FromRefused, Answered::Type(ty)) => {
                let from_refused = quote!(<#ty as #p::FromRefused>::from_refused);
                quote!(#from_refused(__lifecycle_refused))
            }
            (How::Overrides(expr), of) => {
                let answer = given(p, expr);
                let Answered::Type(ty) = of else { return answer };
                // The type comes from the signature, so that a wrong answer is the error, not the
                // body.
                quote!({
                    let __lifecycle_answer: #ty = #answer;
                    __lifecycle_answer
                })
            }
            (How::NotRefused | How::FromRefused, Answered::Hidden | Answered::Never) => {
                unreachable!("`choose` refuses these, or `leave` needs no answer")
            }
        }
    }
}

/// What `refused = expr` gives: only a path may be either a function or a value.
fn given(p: &TokenStream, expr: &Expr) -> TokenStream {
    match expr {
        Expr::Closure(closure) => quote!(#p::answer_by(#closure, __lifecycle_refused)),
        Expr::Path(path) => {
            let place =
                path.path.segments.first().map_or_else(Span::call_site, |first| first.ident.span());
            let give = args::respan(quote!(#p::Answer(#path).give(__lifecycle_refused)), place);
            quote!({ use #p::PlainAnswer as _; #give })
        }
        other => quote!({
            let _ = __lifecycle_refused;
            #other
        }),
    }
}
