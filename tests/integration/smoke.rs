use crate::harness::{Setup, user};

#[tokio::test]
async fn a_user_is_created_changed_disabled_and_deleted() {
    let bridge = Setup::aha().start().await;
    let created = bridge.post("/Users", &user("sam.doe@example.com")).await;
    assert_eq!(created.status, 201, "{created}");
    println!("{created} {:?}", created.headers);
    println!("{:#?}", bridge.aha.take_calls().lines());
    let path = format!("/Users/{}", created.id());
    let patched =
        bridge.patch(&path, serde_json::json!([{"op":"Replace","path":"active","value":"False"}])).await;
    println!("{patched}");
    println!("{:#?}", bridge.aha.take_calls().lines());
    let list = bridge.filter("/Users", "userName eq \"SAM.doe@example.com\"").await;
    println!("{list}");
    println!("{}", bridge.delete(&path).await);
    println!("{:#?}", bridge.aha.take_calls().lines());
}
