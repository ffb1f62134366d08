//! The patterns of parameters.

use syn::{Ident, Pat, PatIdent, Token};

/// The pattern that binds everything to `ident`.
pub(crate) fn plain(ident: &Ident) -> Pat {
    Pat::Ident(PatIdent {
        attrs: Vec::new(),
        by_ref: None,
        mutability: None,
        ident: ident.clone(),
        subpat: None,
    })
}

/// The names that a pattern binds, each with the `mut` that was taken from it.
pub(crate) fn take_bindings(pattern: &mut Pat) -> Vec<(Option<Token![mut]>, Ident)> {
    match pattern {
        Pat::Ident(binding) => {
            let mutability = binding.mutability.take();
            let inner = binding.subpat.iter_mut().flat_map(|(_, inner)| take_bindings(inner));
            let inner: Vec<_> = inner.collect();
            std::iter::once((mutability, binding.ident.clone())).chain(inner).collect()
        }
        Pat::Paren(paren) => take_bindings(&mut paren.pat),
        Pat::Reference(reference) => take_bindings(&mut reference.pat),
        Pat::Type(typed) => take_bindings(&mut typed.pat),
        Pat::Slice(slice) => slice.elems.iter_mut().flat_map(take_bindings).collect(),
        Pat::Tuple(tuple) => tuple.elems.iter_mut().flat_map(take_bindings).collect(),
        Pat::TupleStruct(tuple) => tuple.elems.iter_mut().flat_map(take_bindings).collect(),
        Pat::Struct(fields) => {
            fields.fields.iter_mut().flat_map(|field| take_bindings(&mut field.pat)).collect()
        }
        _ => Vec::new(),
    }
}
