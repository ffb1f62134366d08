use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
};

use lifecycle_process_tests::{Signal, service};

fn order(address: &str) -> std::io::Result<String> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(b"POST / HTTP/1.1\r\nHost: orders\r\nConnection: close\r\n\r\n")?;
    client.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_request_in_flight_is_answered_and_then_the_pool_closes() {
    let mut child = service!(bin "actix").env("ADDRESS", "127.0.0.1:0").start();
    let line = child.wait_for("listening on ");
    let address = line.strip_prefix("listening on ").unwrap().to_owned();
    let client = thread::spawn({
        let address = address.clone();
        move || order(&address)
    });
    child.wait_for("order begun");
    child.signal(Signal::TERM);
    let answer = client.join().unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("placed"), "{answer}");
    let ending = child.end();
    ending.exits(0).says_in_order(&["order begun", "order placed", "pool closed"]);
    assert!(order(&address).is_err(), "nobody listens any more");
}
