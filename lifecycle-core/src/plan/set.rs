//! Several hooks, named by their markers.

use std::any::TypeId;

use crate::Hook;

/// One hook or a tuple of up to 16, for [`Plan::only`](crate::Plan::only): `only::<(flush, close_pool)>()`.
pub trait HookSet {
    #[doc(hidden)]
    fn markers() -> Vec<TypeId>;
}

impl<H: Hook> HookSet for H {
    fn markers() -> Vec<TypeId> {
        vec![H::declared().marker]
    }
}

macro_rules! tuples {
    ($($hook:ident)*) => {
        impl<$($hook: Hook),*> HookSet for ($($hook,)*) {
            fn markers() -> Vec<TypeId> {
                vec![$($hook::declared().marker),*]
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
tuples!(A B C D E F G H I J K L M);
tuples!(A B C D E F G H I J K L M N);
tuples!(A B C D E F G H I J K L M N O);
tuples!(A B C D E F G H I J K L M N O P);
