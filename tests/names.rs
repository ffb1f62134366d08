//! The root of the crate is the paved path: it stays a list that one takes in at a glance.

use std::collections::BTreeSet;

use syn::{Item, UseTree, Visibility};

/// A feature is a door of its own: who opens none sees none of it.
#[test]
fn the_root_has_at_most_50_names_and_65_with_every_feature() {
    let file = syn::parse_file(include_str!("../src/lib.rs")).unwrap();
    for (in_features, most) in [(false, 50), (true, 65)] {
        let names = names(&file, in_features);
        assert!(names.contains("on_shutdown") && names.contains("plan"), "{names:#?}");
        assert!(names.len() <= most, "{} names: {names:#?}", names.len());
        assert_eq!(names.contains("http"), in_features);
    }
}

/// The names of whatever is public and not hidden from the docs, also behind features where
/// `in_features` says so.
fn names(file: &syn::File, in_features: bool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in &file.items {
        match item {
            Item::Use(item) if is_hidden(&item.attrs) => {}
            Item::Use(item) if !in_features && is_in_feature(&item.attrs) => {}
            Item::Use(item) if is_public(&item.vis) => leaves(&item.tree, &mut names),
            Item::Mod(item) if is_public(&item.vis) => {
                names.insert(item.ident.to_string());
            }
            Item::Use(_) | Item::Mod(_) => {}
            other => panic!("the facade only re-exports: {other:?}"),
        }
    }
    names
}

const fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| {
        attr.path().is_ident("doc")
            && attr.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "hidden")
    })
}

fn is_in_feature(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("cfg"))
}

fn leaves(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        UseTree::Name(name) => {
            names.insert(name.ident.to_string());
        }
        UseTree::Rename(name) => {
            names.insert(name.rename.to_string());
        }
        UseTree::Glob(_) => panic!("a glob hides how many names there are"),
    }
}
