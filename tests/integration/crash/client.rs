//! An identity provider: some people and a group of its own, one request at a time.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::Method;
use serde_json::{Map, Value, json};

use crate::harness::{Answer, TOKEN, random::Random};

use super::{
    PEOPLE_OF_A_CLIENT, Site,
    person::{Asserted, Doubt, Person, Write},
};

/// A client, and what it knows.
pub(crate) struct Client {
    site: Arc<Site>,
    dialect: Dialect,
    random: Random,
    http: reqwest::Client,
    pub(super) people: Vec<Person>,
    pub(super) group: Group,
}

/// How a client says it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// As Entra ID does: each attribute by its path.
    Entra,
    /// As Okta does: the attributes in one value, without a path.
    Okta,
}

/// A group, and the ids of its members.
pub(super) struct Group {
    name: String,
    pub(super) id: Option<String>,
    pub(super) members: BTreeSet<String>,
    /// The members if the last request, which was not answered, was carried out.
    pub(super) doubt: Option<BTreeSet<String>>,
    pub(super) history: Vec<String>,
}

/// What to do next.
#[derive(Clone, Copy)]
enum Step {
    Look,
    Find,
    Rename,
    Move,
    Repeat,
    Switch,
    SwitchAndMark,
    Mark,
    Delete,
    AddMember,
    RemoveMember,
    ReplaceMembers,
    LookAtGroup,
}

const STEPS: [(usize, Step); 13] = [
    (10, Step::Look),
    (5, Step::Find),
    (15, Step::Rename),
    (8, Step::Move),
    (4, Step::Repeat),
    (25, Step::Switch),
    (8, Step::SwitchAndMark),
    (5, Step::Mark),
    (15, Step::Delete),
    (6, Step::AddMember),
    (4, Step::RemoveMember),
    (3, Step::ReplaceMembers),
    (3, Step::LookAtGroup),
];

impl Client {
    pub(crate) fn new(number: usize, site: Arc<Site>, random: Random) -> Self {
        let first = number * PEOPLE_OF_A_CLIENT;
        let group = Group {
            name: format!("Team {number}"),
            id: None,
            members: BTreeSet::new(),
            doubt: None,
            history: Vec::new(),
        };
        let people = (first..first + PEOPLE_OF_A_CLIENT).map(Person::new).collect();
        let dialect = if number.is_multiple_of(2) { Dialect::Entra } else { Dialect::Okta };
        Self { site, dialect, random, http: reqwest::Client::new(), people, group }
    }

    /// Works until it is over, and then clears its last doubt.
    pub(crate) async fn run(mut self) -> Self {
        while !self.site.is_over.load(Ordering::Relaxed) {
            self.step().await;
            tokio::time::sleep(self.random.milliseconds(0..15)).await;
        }
        while self.group.doubt.is_some() || self.people.iter().any(|person| person.doubt.is_some()) {
            self.step().await;
        }
        self
    }

    async fn step(&mut self) {
        if let Some(index) = self.people.iter().position(|person| person.doubt.is_some()) {
            return self.clear_doubt(index).await;
        }
        if self.group.id.is_none() || self.group.doubt.is_some() {
            return self.look_at_group().await;
        }
        let index = self.random.below(self.people.len());
        let step = self.random.weighted(&STEPS);
        let Some(truth) = self.people[index].truth.clone() else { return self.create(index).await };
        match step {
            Step::Look => self.look(index).await,
            Step::Find => self.find(index).await,
            Step::Rename | Step::Move | Step::Repeat => {
                let person = &mut self.people[index];
                let next = match step {
                    Step::Rename => {
                        let mark = person.new_mark();
                        Asserted { family: format!("Name {mark}"), mark, ..truth }
                    }
                    Step::Move => Asserted { email: person.new_email(), mark: person.new_mark(), ..truth },
                    _ => truth,
                };
                self.write(index, Write::Replace(next.clone()), Some(next)).await;
            }
            Step::Switch | Step::SwitchAndMark | Step::Mark => {
                let person = &mut self.people[index];
                let mark = matches!(step, Step::SwitchAndMark | Step::Mark).then(|| person.new_mark());
                let active = truth.active == matches!(step, Step::Mark);
                let operations =
                    self.dialect.operations((active != truth.active).then_some(active), mark.as_deref());
                let mark = mark.unwrap_or_else(|| truth.mark.clone());
                let next = Asserted { active, mark, ..truth };
                self.write(index, Write::Update(operations), Some(next)).await;
            }
            Step::Delete => self.write(index, Write::Delete, None).await,
            Step::AddMember | Step::RemoveMember | Step::ReplaceMembers => {
                self.change_group(index, step).await
            }
            Step::LookAtGroup => self.look_at_group().await,
        }
    }

    // --- people ---

    /// Creates the user under the e-mail that the account had last, if there was one, or under one that is new.
    async fn create(&mut self, index: usize) {
        let is_new = self.people[index].invitable == 0 || self.random.percent(30);
        let person = &mut self.people[index];
        let email = if is_new { person.new_email() } else { person.last_email.clone() };
        person.invitable += usize::from(is_new);
        let mark = person.new_mark();
        let asserted = Asserted {
            email,
            given: person.name.clone(),
            family: format!("Name {mark}"),
            active: self.random.percent(85),
            mark,
        };
        self.write(index, Write::Create(asserted.clone()), Some(asserted)).await;
    }

    /// Sends a write that leads to that state.
    async fn write(&mut self, index: usize, write: Write, leads_to: Option<Asserted>) {
        let person = &self.people[index];
        let own = format!("/Users/{}", person.id.clone().unwrap_or_default());
        let (method, path, body) = match &write {
            Write::Create(asserted) => (Method::POST, "/Users".to_owned(), Some(person.body(asserted))),
            Write::Replace(asserted) => (Method::PUT, own, Some(person.body(asserted))),
            Write::Update(operations) => (Method::PATCH, own, Some(patch(operations))),
            Write::Delete => (Method::DELETE, own, None),
        };
        let was_in_doubt = person.doubt.is_some();
        let answer = self.send_about(index, method, &path, body).await;
        let person = &mut self.people[index];
        let Some(answer) = answer else {
            person.doubt = Some(Doubt { write, leads_to });
            return;
        };
        match (&write, answer.status) {
            (Write::Create(_), 201) => {
                person.id = Some(answer.id());
                person.settle(leads_to);
            }
            // It was carried out the first time.
            (Write::Create(_), 409) if was_in_doubt => {
                let detail = answer.error(409, "uniqueness");
                person.id = detail.split("its id is ").nth(1).map(|id| id.trim_end_matches('.').to_owned());
                person.settle(leads_to);
            }
            (Write::Replace(_) | Write::Update(_), 200) => person.settle(leads_to),
            (Write::Delete, 204) => self.is_gone(index),
            (Write::Delete, 404) if was_in_doubt => self.is_gone(index),
            _ => self.fail(index, &format!("{write:?} was answered {answer}")),
        }
        if !matches!(write, Write::Delete) && !answer.body.is_null() && answer.status < 300 {
            self.compare(index, &answer.body);
        }
    }

    /// Finds out whether the last request was carried out: by a look, or by sending it again.
    async fn clear_doubt(&mut self, index: usize) {
        let doubt = self.people[index].doubt.clone().expect("a doubt");
        if self.random.percent(50) {
            return self.write(index, doubt.write, doubt.leads_to).await;
        }
        match doubt.write {
            Write::Create(_) => self.find(index).await,
            _ => self.look(index).await,
        }
    }

    /// GET by id.
    async fn look(&mut self, index: usize) {
        let path = format!("/Users/{}", self.people[index].id.as_deref().expect("an id"));
        let Some(answer) = self.send_about(index, Method::GET, &path, None).await else { return };
        match answer.status {
            200 => self.seen(index, Some(&answer.body)),
            404 => self.seen(index, None),
            _ => self.fail(index, &format!("the look was answered {answer}")),
        }
    }

    /// GET by userName.
    async fn find(&mut self, index: usize) {
        let user_name = self.people[index].user_name();
        let path = format!("/Users?filter=userName%20eq%20%22{user_name}%22");
        let Some(answer) = self.send_about(index, Method::GET, &path, None).await else { return };
        let found = answer.body["Resources"].as_array();
        match found.map(Vec::as_slice) {
            Some([]) => self.seen(index, None),
            Some([user]) => self.seen(index, Some(user)),
            _ => self.fail(index, &format!("the search was answered {answer}")),
        }
    }

    /// What the bridge shows must be what it answered, or what the request without an answer led to.
    fn seen(&mut self, index: usize, user: Option<&Value>) {
        let person = &mut self.people[index];
        let shown = user.map(Asserted::read);
        let carried_out = person.doubt.clone().filter(|doubt| doubt.leads_to == shown);
        if let Some(doubt) = carried_out {
            if let Some(user) = user {
                person.id = user["id"].as_str().map(str::to_owned);
            }
            match doubt.leads_to {
                Some(asserted) => person.settle(Some(asserted)),
                None => self.is_gone(index),
            }
        } else if person.truth == shown {
            person.doubt = None;
        } else {
            self.fail(index, &format!("it is shown as {shown:?}"));
        }
    }

    fn compare(&self, index: usize, user: &Value) {
        let shown = Some(Asserted::read(user));
        if self.people[index].truth != shown {
            self.fail(index, &format!("it was answered as {shown:?}"));
        }
    }

    fn is_gone(&mut self, index: usize) {
        let person = &mut self.people[index];
        person.settle(None);
        if let Some(id) = &person.id {
            self.group.members.remove(id);
        }
    }

    // --- the group ---

    async fn change_group(&mut self, index: usize, step: Step) {
        let id = self.people[index].id.clone().expect("the id of a user that is there");
        let mut members = self.group.members.clone();
        let (method, body) = match step {
            Step::AddMember => {
                members.insert(id.clone());
                (
                    Method::PATCH,
                    patch(&json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }])),
                )
            }
            Step::RemoveMember => {
                members.remove(&id);
                (
                    Method::PATCH,
                    patch(&json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }])),
                )
            }
            _ => {
                let there = self.people.iter().filter(|person| person.truth.is_some());
                let there: Vec<_> = there.filter_map(|person| person.id.clone()).collect();
                members = there.into_iter().filter(|_| self.random.percent(50)).collect();
                (Method::PUT, self.group.body(&members))
            }
        };
        let path = format!("/Groups/{}", self.group.id.as_deref().expect("a group"));
        let Some(answer) = self.send_about_group(method, &path, Some(body)).await else {
            self.group.doubt = Some(members);
            return;
        };
        if !matches!(answer.status, 200 | 204) {
            self.fail_group(&format!("it was answered {answer}"));
        }
        self.group.members = members;
    }

    /// Reads the group; makes it, if there is none yet.
    async fn look_at_group(&mut self) {
        let Some(id) = &self.group.id else {
            let body = self.group.body(&self.group.members);
            let Some(answer) = self.send_about_group(Method::POST, "/Groups", Some(body)).await else {
                return;
            };
            self.group.id = match answer.status {
                201 => Some(answer.id()),
                409 => {
                    let detail = answer.error(409, "uniqueness");
                    detail.split("its id is ").nth(1).map(|id| id.trim_end_matches('.').to_owned())
                }
                _ => self.fail_group(&format!("the create was answered {answer}")),
            };
            return;
        };
        let path = format!("/Groups/{id}");
        let Some(answer) = self.send_about_group(Method::GET, &path, None).await else { return };
        if answer.status != 200 {
            self.fail_group(&format!("the look was answered {answer}"));
        }
        self.group_seen(&answer.body);
    }

    fn group_seen(&mut self, group: &Value) {
        let shown = Group::read(group);
        match self.group.doubt.take() {
            Some(members) if members == shown => self.group.members = shown,
            _ if self.group.members == shown => {}
            doubt => {
                self.group.doubt = doubt;
                self.fail_group(&format!("it is shown with {shown:?}"));
            }
        }
    }

    // --- requests ---

    async fn send_about(
        &mut self,
        index: usize,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let (answer, line) = self.send(method, path, body).await;
        self.people[index].note(line);
        answer
    }

    async fn send_about_group(&mut self, method: Method, path: &str, body: Option<Value>) -> Option<Answer> {
        let (answer, line) = self.send(method, path, body).await;
        self.group.history.push(line);
        answer
    }

    /// Sends a request once the program runs. `None` if it was not answered; and a line for the history.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (Option<Answer>, String) {
        let root = self.site.root().await;
        let asked = format!("{method} {path} {}", body.as_ref().map(shorten).unwrap_or_default());
        let mut request = self.http.request(method, format!("{root}/aha/scim/v2{path}")).bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let sent_at = self.site.elapsed();
        let answer = Answer::try_of(request).await.ok();
        let answer = answer.filter(|answer| answer.status < 500 || !self.site.may_fail);
        let (count, said) = match &answer {
            Some(answer) => (&self.site.answers, format!("{} {}", answer.status, shorten(&answer.body))),
            None => (&self.site.unanswered, "no answer".to_owned()),
        };
        count.fetch_add(1, Ordering::Relaxed);
        if answer.is_none() {
            // It takes a moment until it is known that nobody is there.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (answer, format!("{sent_at:?} to {:?}: {asked} -> {said}", self.site.elapsed()))
    }

    fn fail(&self, index: usize, why: &str) -> ! {
        let person = &self.people[index];
        let words = [person.id.clone().unwrap_or_default()];
        let log = self.site.log_of(&words);
        panic!("SCIM_BRIDGE_CRASH_SEED={}: {why}\n{person}\nlog:\n{log}", self.site.seed)
    }

    fn fail_group(&self, why: &str) -> ! {
        let group = &self.group;
        let history = group.history.join("\n");
        let (seed, members) = (self.site.seed, &group.members);
        panic!("SCIM_BRIDGE_CRASH_SEED={seed}: {why}, and should have {members:?}\n{history}")
    }
}

impl Dialect {
    /// The operations of a PATCH that changes `active`, the mark, or both.
    fn operations(self, active: Option<bool>, mark: Option<&str>) -> Value {
        let active = active.map(|active| ("active", json!(active)));
        let mark = mark.map(|mark| ("title", json!(mark)));
        let changes: Vec<_> = active.into_iter().chain(mark).collect();
        match self {
            Self::Entra => changes
                .into_iter()
                .map(|(path, value)| json!({ "op": "Replace", "path": path, "value": value }))
                .collect(),
            Self::Okta => {
                let value: Map<_, _> =
                    changes.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
                json!([{ "op": "replace", "value": value }])
            }
        }
    }
}

impl Group {
    fn body(&self, members: &BTreeSet<String>) -> Value {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": self.name,
            "members": members,
        })
    }

    /// The members of a group as the bridge shows it.
    pub(super) fn read(group: &Value) -> BTreeSet<String> {
        let members = group["members"].as_array().into_iter().flatten();
        members.map(|member| member["value"].as_str().expect("an id").to_owned()).collect()
    }
}

fn patch(operations: &Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

/// A body in as many words as a history needs.
fn shorten(body: &Value) -> String {
    match body["Resources"].as_array() {
        Some(found) => found.iter().map(shorten).collect(),
        None if body["userName"].is_string() => {
            format!("{} version {} {:?}", body["id"], body["meta"]["version"], Asserted::read(body))
        }
        None if body["Operations"].is_array() => body["Operations"].to_string(),
        None if body["displayName"].is_string() => format!("members {:?}", Group::read(body)),
        None => body["detail"].as_str().unwrap_or_default().to_owned(),
    }
}
