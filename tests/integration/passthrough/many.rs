//! Very many clients at a time, none of them in a hurry.

use super::{
    IDP_TOKEN, TARGET_TOKEN, app, head,
    wire::{Client, Target},
};
use crate::harness::process::Process;

/// How many there are.
const CLIENTS: usize = 10_000;

/// How much memory each may cost.
const BYTES_PER_CLIENT: u64 = 64 * 1024;

/// How many files this process needs: the clients' ends, those of the target's connections, of which the bridge makes one for
/// each second client, and some for the tests beside this one.
const OPEN_FILES: usize = CLIENTS + CLIENTS / 2 + 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_slow_clients_do_not_exhaust_memory_and_others_are_still_served() {
    let most = scim_bridge::http::allow_open_files().unwrap();
    assert!(
        most >= OPEN_FILES,
        "{OPEN_FILES} open files are needed; the limit here is {most}: raise `ulimit -Hn`"
    );
    let folder = tempfile::tempdir().unwrap();
    let target = Target::start().await;
    let keys = format!("max_concurrent_requests = {}", CLIENTS + 100);
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\nmax_connections = {}\nrequest_timeout = '10m'\n[log]\nformat = 'json'\nlevel = 'warn,scim_bridge::cli=info'\n\
         [database]\nurl = 'sqlite:bridge.db'\n{}",
        CLIENTS + 100,
        app(&target.base_url(), &keys)
    );
    std::fs::write(folder.path().join("bridge.toml"), config).unwrap();
    let mut server = Process::serve(folder.path(), "bridge.toml", &[]);
    let root = server.root().await;
    let mut first = Client::connect(&root).await;
    first.send(head("GET", "/Users") + "\r\n").await;
    assert_eq!(first.answer().await.status(), 204);
    let before = server.resident_bytes();

    // Each has sent most of a request, and takes its time for the rest. What is JSON waits in the bridge until it is complete,
    // other bodies at the target.
    let mut waiting = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let mut client = Client::connect(&root).await;
        let media_type = if number % 2 == 0 { "application/scim+json" } else { "text/csv" };
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
    println!("{CLIENTS} slow clients take {} KiB, {} bytes each", grown / 1024, grown / CLIENTS as u64);
    assert!(grown < CLIENTS as u64 * BYTES_PER_CLIENT, "{grown} bytes for {CLIENTS} clients");

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
