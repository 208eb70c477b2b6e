//! Very many clients at a time, none of them in a hurry.

use super::{
    IDP_TOKEN, TARGET_TOKEN, app, head,
    wire::{Client, Target},
};
use crate::harness::process::Process;

/// How many there are, if the system lets a process have so many connections.
const CLIENTS: usize = 10_000;

/// How much memory each may cost.
const BYTES_PER_CLIENT: u64 = 64 * 1024;

/// How many files this process may open, besides which the tests beside this one need some.
fn most_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap();
    soft.parse().unwrap_or(usize::MAX).saturating_sub(1_000) / 2
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_slow_clients_do_not_exhaust_memory_and_others_are_still_served() {
    let clients = CLIENTS.min(most_connections());
    if clients < CLIENTS {
        println!("only {clients} clients: a process may have no more open files");
    }
    let folder = tempfile::tempdir().unwrap();
    let target = Target::start().await;
    let keys = format!("max_concurrent_requests = {}", clients + 100);
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\nmax_connections = {}\nrequest_timeout = '10m'\n[log]\nformat = 'json'\nlevel = 'warn,scim_bridge::cli=info'\n\
         [database]\nurl = 'sqlite:bridge.db'\n{}",
        clients + 100,
        app(&target.base_url(), &keys)
    );
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let mut server = Process::serve(folder.path(), "bridge.toml", &[]);
    let root = server.root().await;
    let mut first = Client::connect(&root).await;
    first.send(head("GET", "/Users") + "\r\n").await;
    assert_eq!(first.answer().await.status(), 204);
    let before = server.resident_bytes();

    // Each has sent most of a request, and takes its time for the rest.
    let mut waiting = Vec::with_capacity(clients);
    for number in 0..clients {
        let mut client = Client::connect(&root).await;
        let media_type = if number % 2 == 0 { "application/scim+json" } else { "text/plain" };
        let headers = format!(
            "content-type: {media_type}\r\ncontent-length: 1000\r\nx-filler: {}\r\n\r\n",
            "x".repeat(500)
        );
        client.send(head("POST", "/Users") + &headers + "{\"userName\":").await;
        waiting.push(client);
    }
    // Somebody in between is served as ever, once all of them are accepted.
    let mut other = Client::connect(&root).await;
    other.send(head("GET", "/Users") + "\r\n").await;
    let answer = other.answer().await;
    assert_eq!(answer.status(), 204, "{}", String::from_utf8_lossy(&answer.body));
    let grown = server.resident_bytes().saturating_sub(before);
    println!("{clients} slow clients take {} KiB, {} bytes each", grown / 1024, grown / clients as u64);
    assert!(grown < clients as u64 * BYTES_PER_CLIENT, "{grown} bytes for {clients} clients");

    // The first of them goes on, and is served; the others give up.
    let mut patient = waiting.swap_remove(0);
    patient.send(&[b' '; 1000][12..]).await;
    assert_eq!(patient.answer().await.status(), 204);
    drop(waiting);
    let mut last = Client::connect(&root).await;
    last.send(head("GET", "/Users") + "\r\n").await;
    assert_eq!(last.answer().await.status(), 204);
    server.signal("TERM");
    server.ended().await.keeps(&[IDP_TOKEN, TARGET_TOKEN]);
}
