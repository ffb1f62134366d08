//! A program for `tests/listen.rs`: takes the sockets that it is asked for, and says how that went.

use std::{env, io, os::fd::AsFd};

use lifecycle_systemd::{listener, unix_listener};
use rustix::io::{FdFlags, fcntl_getfd};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for asked in env::args().skip(1) {
        let taken = match asked.split_once('=') {
            Some((name, path)) => unix_listener(name, path)
                .map(|taken| say(&taken, &format!("{:?}", taken.local_addr()))),
            None => listener(&asked, "127.0.0.1:0").await.map(|taken| {
                say(&taken, &taken.local_addr().map(|addr| addr.to_string()).unwrap_or_default())
            }),
        };
        println!("{}", taken.unwrap_or_else(|error: io::Error| error.to_string()));
    }
}

fn say(socket: &impl AsFd, addr: &str) -> String {
    let is_closed = fcntl_getfd(socket).is_ok_and(|flags| flags.contains(FdFlags::CLOEXEC));
    let outlives = lifecycle_core::ext::outlives(addr);
    format!("{addr} close-on-exec={is_closed} outlives={outlives}")
}
