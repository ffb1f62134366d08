/// Promises that these hooks are linked into the program.
///
/// A crate that is a dependency but is named nowhere in the program's code is left out by the compiler,
/// together with its hooks. This item names the crates: a hook that does not exist is a compile error,
/// and what it names is linked. It stands where an item may stand, typically in the file of `main`.
///
/// ```ignore
/// lifecycle::expect_hooks!(db::close_pool, outbox::flush);
/// ```
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
