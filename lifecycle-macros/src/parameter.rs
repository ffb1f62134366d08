//! A hook's parameter: which resource it asks for, and how.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Error, FnArg, Result, Type, TypeReference};

use crate::{args, function, output};

/// A parameter of a hook.
pub(crate) struct Parameter {
    /// The `#[cfg(..)]` that stand on it.
    pub(crate) conditions: TokenStream,
    /// Whether it is a `T` and not a `&T`.
    pub(crate) takes: bool,
    /// Whether it is an `Option`.
    optional: bool,
    /// The type as it was written.
    written: TokenStream,
    /// The `T`.
    resource: TokenStream,
}

impl Parameter {
    /// Reads the parameter by its spelling; `lifetimes` are those of the function.
    pub(crate) fn read(input: &FnArg, lifetimes: &[String]) -> Result<Self> {
        let parameter = match input {
            FnArg::Receiver(receiver) => {
                return Err(Error::new_spanned(
                    receiver,
                    "a hook is a free function, it has no `self`: move it out of the `impl` and let it ask for `&Type`",
                ));
            }
            FnArg::Typed(parameter) => parameter,
        };
        if let Some(token) = hidden(parameter.ty.to_token_stream()) {
            return Err(Error::new(
                token.span(),
                "resources are found by their type, so a hook names it: write the type instead of `impl Trait`",
            ));
        }
        let ty = output::bare(&parameter.ty);
        let (optional, inner) = match output::argument_of(ty, "Option") {
            Some(inner) => (true, inner),
            None => (false, ty),
        };
        let (takes, resource) = match inner {
            Type::Reference(reference) => (false, borrowed(reference)?),
            other => (true, other),
        };
        Ok(Self {
            conditions: function::conditions(&parameter.attrs),
            takes,
            optional,
            written: output::elide(ty.to_token_stream(), lifetimes),
            resource: output::elide(resource.to_token_stream(), lifetimes),
        })
    }

    /// The `Need` of the declaration.
    pub(crate) fn need(&self, private: &TokenStream) -> TokenStream {
        let Self { conditions, resource, .. } = self;
        let constructor = self.method();
        quote!(#conditions #private::Need::#constructor::<#resource>())
    }

    /// The statement that binds `variable` to the resource.
    pub(crate) fn bind(
        &self,
        private: &TokenStream,
        binder: &Ident,
        variable: &Ident,
    ) -> TokenStream {
        let Self { conditions, resource, .. } = self;
        let method = self.method();
        let cloner = self.takes.then(|| quote!(#private::Tag::<#resource>::CLONER));
        let missing = (!self.optional).then(|| quote!(?));
        quote!(#conditions let #variable = #binder.#method::<#resource>(#cloner)#missing;)
    }

    /// The argument of the call.
    pub(crate) fn pass(&self, variable: &Ident) -> TokenStream {
        let conditions = &self.conditions;
        match (self.takes, self.optional) {
            (true, _) => quote!(#conditions #variable),
            (false, false) => quote!(#conditions &*#variable),
            (false, true) => quote!(#conditions #variable.as_deref()),
        }
    }

    /// Fails the build where the type is not what its spelling says.
    pub(crate) fn check(&self, private: &TokenStream) -> TokenStream {
        let Self { conditions, takes, resource, written, .. } = self;
        let kind = quote!(#private::Tag::<#resource>::KIND, #takes);
        let resource = args::spanning(quote!(#private::must_be_resource), kind, written);
        let option = self.optional.then(|| {
            let kind = quote!(#private::Tag::<#written>::KIND);
            let check = args::spanning(quote!(#private::must_be_option), kind, written);
            quote!(#conditions const _: () = #check;)
        });
        quote!(#option #conditions const _: () = #resource;)
    }

    /// Fails the build where both ask for one resource and one of them takes it.
    pub(crate) fn check_against(&self, earlier: &Self, private: &TokenStream) -> TokenStream {
        if !self.takes && !earlier.takes {
            return TokenStream::new();
        }
        let (one, other) = (&earlier.resource, &self.resource);
        let same = quote!(#private::Tag::<(#one, #other)>::SAME);
        let check = args::spanning(quote!(#private::must_differ), same, &self.written);
        let (first, second) = (&earlier.conditions, &self.conditions);
        quote!(#first #second const _: () = #check;)
    }

    /// Fails the build where `used` is what it asks for.
    pub(crate) fn check_unused(&self, used: &Type, private: &TokenStream) -> TokenStream {
        let Self { conditions, resource, .. } = self;
        let same = quote!(#private::Tag::<(#resource, #used)>::SAME);
        let check =
            args::spanning(quote!(#private::must_be_unasked), same, &used.to_token_stream());
        quote!(#conditions const _: () = #check;)
    }

    /// Whether, by its spelling, it is a resource without which the hook cannot run.
    pub(crate) fn must_be_there(&self) -> bool {
        let is_context =
            |token| matches!(token, TokenTree::Ident(word) if word == "ShutdownContext");
        !self.optional && !self.resource.clone().into_iter().any(is_context)
    }

    fn method(&self) -> TokenStream {
        match (self.takes, self.optional) {
            (false, false) => quote!(borrow),
            (false, true) => quote!(borrow_optional),
            (true, false) => quote!(take),
            (true, true) => quote!(take_optional),
        }
    }
}

/// The `T` of a `&T` that can be a resource.
fn borrowed(reference: &TypeReference) -> Result<&Type> {
    let wrong = |what: &str| Err(Error::new_spanned(reference, what));
    if let Some(mutability) = &reference.mutability {
        return Err(Error::new_spanned(
            mutability,
            "a resource is shared while it is borrowed: write `&T` and keep a lock inside, or `T` to own it",
        ));
    }
    if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
        return Err(Error::new_spanned(
            &reference.lifetime,
            "a resource does not live for ever, it is dropped at the end of the teardown: write `&T`",
        ));
    }
    let target = output::bare(&reference.elem);
    match target {
        Type::Path(path) if path.path.is_ident("str") => wrong(
            "resources are found by their sized type: write `&String`, or better a type of your own around it",
        ),
        Type::Slice(_) => wrong(
            "resources are found by their sized type: write `&Vec<T>`, or better a type of your own around it",
        ),
        Type::TraitObject(_) => wrong(
            "resources are found by their sized type: write `&Arc<dyn Trait>` or `&Box<dyn Trait>` and provide that",
        ),
        Type::Reference(_) => wrong("one `&` is enough: write `&T`"),
        other if output::argument_of(other, "Option").is_some() => {
            wrong("a resource that may be missing is written `Option<&T>`")
        }
        other => Ok(other),
    }
}

fn hidden(tokens: TokenStream) -> Option<TokenTree> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => hidden(group.stream()),
        TokenTree::Ident(ref word) if word == "impl" => Some(token),
        _ => None,
    })
}
