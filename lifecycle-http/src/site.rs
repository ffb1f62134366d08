//! The sites that requests and connections are counted under.
//!
//! A straggler is to be named by its route, and what the report names is sites: so each method and
//! route is a site, kept for ever. Patterns of routes are as many as the program has. A path that
//! no pattern stands for is the client's text, so of those a thousand are kept, and the rest share
//! one site of their layer.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
};

use http::{Method, Request};
use lifecycle_core::{Site, SourceLocation, ext};

const PATHS_KEPT: usize = 1_000;

/// Event streams and sockets: told when draining begins, and done with then.
pub(crate) static STREAMS: Site = Site::new("streams");

/// The sites of one layer.
#[derive(Clone, Debug)]
pub(crate) struct Sites {
    prefix: Option<String>,
    location: SourceLocation,
    other: OnceLock<&'static Site>,
    kept: &'static KeptSites,
}

impl Sites {
    pub(crate) fn new(prefix: Option<String>, location: SourceLocation) -> Self {
        Self::among(&KEPT, prefix, location)
    }

    pub(crate) fn named(&self, prefix: String) -> Self {
        Self::among(self.kept, Some(prefix), self.location)
    }

    const fn among(
        kept: &'static KeptSites,
        prefix: Option<String>,
        location: SourceLocation,
    ) -> Self {
        Self { prefix, location, other: OnceLock::new(), kept }
    }

    fn of(&self, method: &Method, path: &str, is_pattern: bool) -> &'static Site {
        let name = self.name(&format!("{} {path}", known(method)));
        self.kept.site(name, self.location, is_pattern).unwrap_or_else(|| {
            self.other.get_or_init(|| leak(self.name("other paths"), self.location))
        })
    }

    fn name(&self, what: &str) -> String {
        self.prefix.as_ref().map_or_else(|| what.to_owned(), |prefix| format!("{prefix} {what}"))
    }
}

/// The sites that one service asked for first: axum makes a service for each route, so that it
/// nearly always asks for the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct SiteCache(Arc<[OnceLock<CachedSite>; 8]>);

#[derive(Debug)]
struct CachedSite {
    method: Method,
    path: Box<str>,
    site: &'static Site,
}

impl SiteCache {
    pub(crate) fn site<B>(
        &self,
        sites: &Sites,
        request: &Request<B>,
        is_grpc: bool,
    ) -> &'static Site {
        let (path, is_pattern) = path_of(request, is_grpc);
        let method = request.method();
        for cached in self.0.iter() {
            let cached = cached.get_or_init(|| CachedSite {
                method: method.clone(),
                path: path.into(),
                site: sites.of(method, path, is_pattern),
            });
            if cached.method == *method && *cached.path == *path {
                return cached.site;
            }
        }
        sites.of(method, path, is_pattern)
    }
}

/// The pattern of the route where it is known, else the path, without its query.
fn path_of<B>(request: &Request<B>, is_grpc: bool) -> (&str, bool) {
    // A router of gRPC has one pattern for all methods of a service.
    #[cfg(feature = "axum")]
    if !is_grpc && let Some(matched) = request.extensions().get::<axum::extract::MatchedPath>() {
        return (matched.as_str(), true);
    }
    let _ = is_grpc;
    (request.uri().path(), false)
}

/// A method that a client made up is no name.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::HEAD
        | Method::OPTIONS
        | Method::CONNECT
        | Method::PATCH
        | Method::TRACE => method.as_str(),
        _ => "other method",
    }
}

/// The sites of all layers.
static KEPT: LazyLock<KeptSites> = LazyLock::new(KeptSites::default);

#[derive(Debug, Default)]
struct KeptSites(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sites: HashMap<(String, SourceLocation), &'static Site>,
    paths: usize,
}

impl KeptSites {
    /// `None` when there are too many.
    fn site(
        &self,
        name: String,
        location: SourceLocation,
        is_pattern: bool,
    ) -> Option<&'static Site> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, location);
        if let Some(site) = kept.sites.get(&key) {
            return Some(site);
        }
        if !is_pattern {
            if kept.paths == PATHS_KEPT {
                return None;
            }
            kept.paths += 1;
        }
        let site = leak(key.0.clone(), location);
        kept.sites.insert(key, site);
        Some(site)
    }
}

fn leak(name: String, location: SourceLocation) -> &'static Site {
    Box::leak(Box::new(ext::site(name.leak(), location)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a process of their own: the limit is one for all layers, and these tests run side by side.
    fn sites(prefix: Option<&str>) -> Sites {
        let kept = Box::leak(Box::default());
        Sites::among(kept, prefix.map(str::to_owned), SourceLocation::caller())
    }

    fn request(method: &str, path: &str) -> Request<()> {
        Request::builder().method(method).uri(path).body(()).unwrap()
    }

    #[test]
    fn a_site_is_named_by_method_and_path_without_the_query() {
        let sites = sites(Some("public"));
        let cache = SiteCache::default();
        let site = cache.site(&sites, &request("GET", "/orders?token=secret"), false);
        assert_eq!(site.name(), "public GET /orders");
        assert!(std::ptr::eq(site, cache.site(&sites, &request("GET", "/orders"), false)));
        assert_eq!(
            cache.site(&sites, &request("BREW", "/tea"), false).name(),
            "public other method /tea"
        );
    }

    #[test]
    fn paths_that_a_client_makes_up_share_a_site_after_the_thousandth() {
        let sites = sites(None);
        let cache = SiteCache::default();
        let last =
            (0..=PATHS_KEPT).map(|n| cache.site(&sites, &request("GET", &format!("/{n}")), false));
        assert_eq!(last.last().unwrap().name(), "other paths");
        let pattern = sites.kept.site("GET /{id}".to_owned(), sites.location, true);
        assert_eq!(pattern.unwrap().name(), "GET /{id}");
    }
}
