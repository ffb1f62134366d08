//! What a function's return type says by its spelling.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::{
    GenericArgument, PathArguments, ReturnType, Signature, Token, Type, TypeInfer, TypeParamBound,
    punctuated::Punctuated,
};

/// How a function answers.
pub(crate) enum Output {
    /// `!`
    Never,
    /// `impl Trait` of a trait that is neither `Future` nor `Stream`.
    Hidden,
    /// A value. Every `impl Trait` inside is replaced by `_`.
    Value(Type),
    /// A future of a value.
    Future { of: Type, boxed: bool },
    /// A stream of items.
    Stream { of: Type, boxed: bool },
}

impl Output {
    pub(crate) fn of(sig: &Signature) -> Self {
        let mut written = match &sig.output {
            ReturnType::Default => {
                let unit = quote_spanned!(sig.ident.span()=> ());
                return Self::Value(Type::Verbatim(unit));
            }
            ReturnType::Type(_, ty) => bare(ty).clone(),
        };
        if let Type::Never(_) = written {
            return Self::Never;
        }
        if sig.asyncness.is_none() {
            let polled = match &written {
                Type::ImplTrait(hidden) => polled(&hidden.bounds, false),
                other => boxed(other),
            };
            if let Some(polled) = polled {
                return polled;
            }
        }
        if let Type::ImplTrait(_) = written {
            return Self::Hidden;
        }
        infer_hidden(&mut written);
        Self::Value(written)
    }
}

/// The type without the invisible groups of `macro_rules!` and without parentheses.
pub(crate) fn bare(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

/// The single generic type argument of the last segment, when that is called `name`.
pub(crate) fn argument_of<'t>(ty: &'t Type, name: &str) -> Option<&'t Type> {
    let Type::Path(path) = bare(ty) else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(bare(ty)),
        _ => None,
    })
}

fn boxed(ty: &Type) -> Option<Output> {
    if let Some(pinned) = argument_of(ty, "Pin") {
        return match argument_of(pinned, "Box")? {
            Type::TraitObject(object) => polled(&object.bounds, true),
            _ => None,
        };
    }
    let future = ["BoxFuture", "LocalBoxFuture"].iter().find_map(|name| argument_of(ty, name));
    let stream = ["BoxStream", "LocalBoxStream"].iter().find_map(|name| argument_of(ty, name));
    match (future, stream) {
        (Some(of), _) => Some(Output::Future { of: inferred(of), boxed: true }),
        (_, Some(of)) => Some(Output::Stream { of: inferred(of), boxed: true }),
        _ => None,
    }
}

fn polled(bounds: &Punctuated<TypeParamBound, Token![+]>, boxed: bool) -> Option<Output> {
    bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let associated = |name: &str| {
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(assoc) if assoc.ident == name => {
                    Some(inferred(&assoc.ty))
                }
                _ => None,
            })
        };
        match last.ident.to_string().as_str() {
            "Future" => {
                let unit = || Type::Verbatim(quote_spanned!(last.ident.span()=> ()));
                Some(Output::Future { of: associated("Output").unwrap_or_else(unit), boxed })
            }
            "Stream" => Some(Output::Stream { of: associated("Item")?, boxed }),
            _ => None,
        }
    })
}

fn inferred(ty: &Type) -> Type {
    let mut ty = bare(ty).clone();
    infer_hidden(&mut ty);
    ty
}

/// Replaces every `impl Trait` by `_`, as expressions cannot name it.
fn infer_hidden(ty: &mut Type) {
    match ty {
        Type::ImplTrait(hidden) => {
            let place = hidden.impl_token.span;
            *ty = Type::Infer(TypeInfer { attrs: Vec::new(), underscore_token: Token![_](place) });
        }
        Type::Array(array) => infer_hidden(&mut array.elem),
        Type::Group(group) => infer_hidden(&mut group.elem),
        Type::Paren(paren) => infer_hidden(&mut paren.elem),
        Type::Reference(reference) => infer_hidden(&mut reference.elem),
        Type::Slice(slice) => infer_hidden(&mut slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(infer_hidden),
        Type::Path(path) => {
            for segment in &mut path.path.segments {
                let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else {
                    continue;
                };
                for argument in &mut arguments.args {
                    if let GenericArgument::Type(ty) = argument {
                        infer_hidden(ty);
                    }
                }
            }
        }
        _ => {}
    }
}

/// `tokens` with each of these lifetimes replaced by `'_`, for places where they are not in scope.
pub(crate) fn elide(tokens: TokenStream, lifetimes: &[String]) -> TokenStream {
    let mut tick = false;
    tokens
        .into_iter()
        .map(|token| {
            use proc_macro2::{Group, Ident, TokenTree};
            let after_tick = std::mem::replace(&mut tick, false);
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    tick = true;
                    punct.into()
                }
                TokenTree::Ident(name)
                    if after_tick && lifetimes.iter().any(|known| name == known) =>
                {
                    Ident::new("_", name.span()).into()
                }
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), elide(group.stream(), lifetimes));
                    inner.set_span(group.span());
                    inner.into()
                }
                other => other,
            }
        })
        .collect()
}

/// Where the return type stands, or the function's name.
pub(crate) fn place(sig: &Signature) -> TokenStream {
    match &sig.output {
        ReturnType::Default => sig.ident.to_token_stream(),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    }
}
