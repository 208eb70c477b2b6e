//! Requests that try one attribute, and what they showed.

use http::Method;
use serde_json::{Value, json};

use super::listed::Leaf;
use crate::harness::{Answer, Bridge};

pub struct Trial {
    pub bridge: Bridge,
    /// What is not as it is told.
    pub lies: Vec<String>,
    made: usize,
}

impl Trial {
    pub fn new(bridge: Bridge) -> Self {
        Self { bridge, lies: Vec::new(), made: 0 }
    }

    pub fn check(&mut self, is_true: bool, leaf: &Leaf, lie: impl FnOnce() -> String) {
        if !is_true {
            self.lies.push(format!("{}{}: {}", leaf.endpoint, leaf.path, lie()));
        }
    }

    /// A body that has what it must have, and `placed`.
    fn body(&mut self, leaf: &Leaf, placed: Option<Value>, name: &str) -> Value {
        let mut body = if leaf.endpoint == "/Users" {
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name })
        } else {
            json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name })
        };
        if placed.is_none() && leaf.required && leaf.parent.is_none() {
            body.as_object_mut().unwrap().shift_remove(&leaf.name);
        }
        if let Some(Value::Object(placed)) = placed {
            body.as_object_mut().unwrap().extend(placed);
        }
        body
    }

    pub async fn create(&mut self, leaf: &Leaf, placed: Option<Value>) -> Answer {
        self.made += 1;
        let name = format!("made-{}", self.made);
        let body = self.body(leaf, placed, &name);
        self.bridge.post(leaf.endpoint, &body).await
    }

    /// Creates a resource that can be created, without what was made before, and answers its path.
    pub async fn made(&mut self, leaf: &Leaf, placed: Option<Value>) -> Option<String> {
        if leaf.uniqueness != "none" {
            self.forget(leaf).await;
        }
        let answer = self.create(leaf, placed).await;
        self.check(answer.status == 201, leaf, || format!("cannot be created: {answer}"));
        (answer.status == 201).then(|| format!("{}/{}", leaf.endpoint, answer.id()))
    }

    /// Deletes whoever has one of the sample values.
    async fn forget(&self, leaf: &Leaf) {
        for which in [1, 2] {
            let filter = format!("{} eq {}", leaf.path, leaf.one(which));
            for found in self.bridge.filter(leaf.endpoint, &filter).await.body["Resources"]
                .as_array()
                .into_iter()
                .flatten()
            {
                self.bridge.delete(&format!("{}/{}", leaf.endpoint, found["id"].as_str().unwrap())).await;
            }
        }
    }

    pub async fn put(&mut self, path: &str, leaf: &Leaf, placed: Option<Value>) -> Answer {
        let name = path.rsplit('/').next().unwrap().to_owned();
        let body = self.body(leaf, placed, &name);
        self.bridge.put(path, &body).await
    }

    /// The value as it reads where it is asked for.
    pub async fn read(&self, path: &str, leaf: &Leaf) -> Option<Value> {
        let request = self.bridge.request(Method::GET, path).query(&[("attributes", &leaf.path)]);
        leaf.find(&Answer::of(request).await.body)
    }

    /// A text that the server itself gives a readOnly attribute: that of a user in a group, or of the group.
    pub async fn read_only_text(&mut self, leaf: &Leaf) -> Option<String> {
        self.made += 1;
        let (user, group) = (format!("Reader-{}", self.made), format!("Group-{}", self.made));
        let user = json!({ "userName": user, "displayName": format!("Shown {user}") });
        let user = self.bridge.post("/Users", &user).await.id();
        let group = json!({ "displayName": group, "members": [{ "value": user }] });
        let group = self.bridge.post("/Groups", &group).await.id();
        let path =
            if leaf.endpoint == "/Users" { format!("/Users/{user}") } else { format!("/Groups/{group}") };
        Some(leaf.find(&self.bridge.get(&path).await.body)?.as_str()?.to_owned())
    }
}
