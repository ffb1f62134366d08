//! The options in an attribute's parentheses: `key = value, key = value`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

/// Reads all options; `set` reads what follows a key. An unknown or repeated key is an error that
/// points at it and lists `known`.
pub(crate) fn read(
    input: ParseStream<'_>,
    known: &[&str],
    mut set: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    let mut seen: Vec<Ident> = Vec::new();
    while !input.is_empty() {
        let key = Ident::parse_any(input)?;
        if !known.iter().any(|name| key == name) {
            return Err(unknown(&key, known));
        }
        if seen.contains(&key) {
            return Err(Error::new(
                key.span(),
                format!("`{key}` is set twice; leave one of them out"),
            ));
        }
        set(&key, input)?;
        seen.push(key);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

/// Reads `= value`; `example` completes "write `key = ..`" where the `=` is missing.
pub(crate) fn value<T: Parse>(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<T> {
    if !input.peek(Token![=]) {
        return Err(Error::new(
            key.span(),
            format!("`{key}` needs a value: write `{key} = {example}`"),
        ));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

/// Reads `= "text"` that is not empty.
pub(crate) fn name(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let name: LitStr = value(key, input, "\"text\"")?;
    if name.value().trim().is_empty() {
        return Err(Error::new(
            name.span(),
            "an empty name tells nobody what this is; leave `name` out for the path",
        ));
    }
    Ok(name)
}

/// The name that was written, or else `crate::module::function`.
pub(crate) fn item_name(written: Option<&LitStr>, function: &Ident) -> TokenStream {
    let function = function.unraw().to_string();
    match written {
        Some(name) => name.to_token_stream(),
        None => quote!(::core::concat!(::core::module_path!(), "::", #function)),
    }
}

fn unknown(key: &Ident, known: &[&str]) -> Error {
    let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let wrong = key.to_string();
    let near = known.iter().find(|name| strsim::levenshtein(name, &wrong) <= 2);
    let hint = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Error::new(key.span(), format!("unknown option `{key}`{hint}\nthe options are {list}"))
}

/// The path through which generated code reaches the library: `crate = path`, else `::lifecycle`.
#[derive(Default)]
pub(crate) struct Krate(Option<Path>);

impl Krate {
    /// The module of everything that generated code names.
    pub(crate) fn private(&self) -> TokenStream {
        match &self.0 {
            Some(path) => quote!(#path::__private),
            None => quote!(::lifecycle::__private),
        }
    }
}

impl Parse for Krate {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let path = if input.peek(LitStr) {
            input.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?
        } else {
            input.call(Path::parse_mod_style)?
        };
        Ok(Self(Some(path)))
    }
}

/// A length of time above zero: text such as `"5s"`, or a constant expression of type `Duration`.
pub(crate) enum Length {
    Written(std::time::Duration, Span),
    Constant(Expr),
}

impl Length {
    /// An expression of type `Duration` for a constant context.
    pub(crate) fn tokens(&self, private: &TokenStream) -> TokenStream {
        match self {
            Self::Written(duration, span) => {
                let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
                quote_spanned!(*span=> #private::Duration::new(#seconds, #nanos))
            }
            Self::Constant(expr) => {
                spanning(quote!(#private::not_zero), quote!(#expr), &expr.to_token_stream())
            }
        }
    }
}

impl Parse for Length {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let expr: Expr = input.parse()?;
        match &expr {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let duration = lifecycle_duration::parse(&text.value())
                    .map_err(|what| Error::new(text.span(), what))?;
                if duration.is_zero() {
                    return Err(Error::new(
                        text.span(),
                        "a time of zero leaves no time to run; write for instance `\"5s\"`",
                    ));
                }
                Ok(Self::Written(duration, text.span()))
            }
            Expr::Lit(ExprLit { lit: lit @ (Lit::Int(_) | Lit::Float(_)), .. }) => Err(Error::new(
                lit.span(),
                format!(
                    "a time needs a unit and quotes; did you mean `\"{}s\"`?",
                    lit.to_token_stream()
                ),
            )),
            _ => Ok(Self::Constant(expr)),
        }
    }
}

/// The call `function(arguments)`, whose span is that of all of `place`: rustc underlines it whole.
pub(crate) fn spanning(
    function: TokenStream,
    arguments: TokenStream,
    place: &TokenStream,
) -> TokenStream {
    let (first, last) = ends(place);
    let function = respan(function, first);
    let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Parenthesis, arguments);
    group.set_span(last);
    quote!(#function #group)
}

fn ends(place: &TokenStream) -> (Span, Span) {
    let mut spans = place.clone().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
}

/// The tokens at another place in the source, resolved as before.
pub(crate) fn respan(tokens: TokenStream, place: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(place.resolved_at(token.span()));
            token
        })
        .collect()
}
