/// Promises that hooks are linked into the program; documented in `lifecycle-hooks`.
#[macro_export]
macro_rules! expect_hooks {
    ($($hook:ty),* $(,)?) => {
        $(const _: () = {
            $crate::__private::inventory::submit! {
                $crate::__private::ExpectedHook {
                    hook: <$hook as $crate::__private::Hook>::declared,
                    location: $crate::__private::SourceLocation::new(::core::file!(), ::core::line!()),
                }
            }
        };)*
    };
}
