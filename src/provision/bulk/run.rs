//! A bulk request on its way: what has ended, what waits, and what refers to what.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use crate::{
    provision::{BridgedApp, Request},
    scim::bulk::{Action, Endpoint, LeftOut, Mention, Operation, referenced},
};

use super::{
    Done, OperationError, Tried, Written,
    step::{self, Begun, Waiting},
};

/// How much of a `bulkId` an error repeats, in characters.
const SHOWN: usize = 64;

/// How an operation ended.
type Ended = Result<Done, OperationError>;

/// A request on its way. Operations are known by their places in it.
pub(super) struct Run<'a> {
    app: &'a BridgedApp,
    request: &'a Request,
    operations: Vec<Operation>,
    /// Those that create something, by `bulkId`.
    creations: HashMap<String, usize>,
    /// For each operation those that create what it refers to.
    references: Vec<Vec<usize>>,
    waiting: Vec<(usize, Box<Waiting>)>,
    /// What those that wait are about.
    changing: HashSet<(Endpoint, String)>,
    ended: Vec<Option<Ended>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(app: &'a BridgedApp, request: &'a Request, operations: Vec<Operation>) -> Self {
        let creation = |(place, operation): (usize, &Operation)| match &operation.method {
            method if method == "POST" => Some((operation.bulk_id.clone()?, place)),
            _ => None,
        };
        let creations: HashMap<_, _> = operations.iter().enumerate().filter_map(creation).collect();
        let references = operations.iter().map(|operation| references(operation, &creations)).collect();
        let ended = operations.iter().map(|_| None).collect();
        let (waiting, changing) = (Vec::new(), HashSet::new());
        Self { app, request, operations, creations, references, waiting, changing, ended }
    }

    /// For each operation the places of those that create what it refers to.
    pub(super) fn references(&self) -> &[Vec<usize>] {
        &self.references
    }

    /// How many operations are known to have failed.
    pub(super) fn failed(&self) -> usize {
        self.ended.iter().flatten().filter(|ended| ended.is_err()).count()
    }

    /// Stores what the operation asserts, once all is known that it depends on.
    pub(super) async fn begin(&mut self, place: usize) {
        if self.must_wait(place) {
            self.settle().await;
        }
        let begun = match self.prepare(place) {
            Ok(action) => step::begin(self.app, self.request, action).await.map_err(OperationError::from),
            Err(error) => Err(error),
        };
        match begun {
            Ok(Begun::Waiting(waiting)) => {
                waiting.rouse(self.app);
                self.waiting.push((place, waiting));
                self.changing.extend(self.operations[place].subject.clone());
            }
            Ok(Begun::Done(done)) => self.ended[place] = Some(Ok(done)),
            Err(error) => self.ended[place] = Some(Err(error)),
        }
    }

    /// Waits until all that was begun has ended.
    pub(super) async fn settle(&mut self) {
        let (app, request) = (self.app, self.request);
        self.changing.clear();
        let finish = |(place, waiting)| async move { (place, step::finish(app, request, waiting).await) };
        for (place, ended) in join_all(std::mem::take(&mut self.waiting).into_iter().map(finish)).await {
            self.ended[place] = Some(ended.map_err(OperationError::from));
        }
    }

    /// Creates the resources of a circle, each without what is not there yet, then adds that.
    pub(super) async fn circle(&mut self, places: Vec<usize>) {
        let mut incomplete = Vec::new();
        for place in places {
            // What was begun of the circle is there, or is known not to be, before the next one is looked at.
            self.settle().await;
            let left_out = self.leave_out(place);
            self.begin(place).await;
            incomplete.extend(left_out.map(|left_out| (place, left_out)));
        }
        self.settle().await;
        for (place, left_out) in incomplete {
            if let (Some(Ok(Done::Created(created))), Ok(action)) =
                (&self.ended[place], &self.operations[place].action)
            {
                let completed = self.complete(action.endpoint(), created, left_out).await;
                self.ended[place] = Some(completed);
            }
        }
    }

    /// What became of those that were tried.
    pub(super) fn into_tried(self) -> Vec<Tried> {
        let locations: Vec<_> = (0..self.operations.len()).map(|place| self.location(place)).collect();
        let operations = self.operations.into_iter().zip(self.ended).zip(locations);
        operations
            .filter_map(|((Operation { method, bulk_id, .. }, ended), location)| {
                Some(Tried { method, bulk_id, location, result: ended? })
            })
            .collect()
    }

    /// Whether it depends on how something ends: on what it refers to, or on an earlier change of the same user.
    fn must_wait(&self, place: usize) -> bool {
        let is_open = |target: &usize| self.ended[*target].is_none();
        let subject = &self.operations[place].subject;
        subject.as_ref().is_some_and(|subject| self.changing.contains(subject))
            || self.references[place].iter().any(is_open)
    }

    /// The operation with ids in the place of all references.
    fn prepare(&self, place: usize) -> Result<Action, OperationError> {
        let mut action = self.operations[place].action.clone()?;
        self.check(&action.mentions())?;
        action.resolve(&|bulk_id| self.created_id(bulk_id));
        Ok(action)
    }

    /// Takes out of the operation what refers to those of its circle that were not begun.
    fn leave_out(&mut self, place: usize) -> Option<LeftOut> {
        let action = self.operations[place].action.as_mut().ok()?;
        if action.endpoint() == Endpoint::Groups && self.references[place].contains(&place) {
            // No group can be a member of itself, so there is no need to try.
            return None;
        }
        let (creations, ended) = (&self.creations, &self.ended);
        action.leave_out(&|bulk_id| creations.get(bulk_id).is_some_and(|target| ended[*target].is_none()))
    }

    async fn complete(&self, endpoint: Endpoint, created: &Written, left_out: LeftOut) -> Ended {
        if let Err(OperationError::Unresolved(reason)) = self.check(&left_out.mentions()) {
            let id = &created.id;
            let reason = format!("The resource was created with the id {id}, and is not complete. {reason}");
            return Err(OperationError::Unresolved(reason));
        }
        let mut update = left_out.into_action(endpoint, &created.id);
        update.resolve(&|bulk_id| self.created_id(bulk_id));
        let done = match step::begin(self.app, self.request, update).await? {
            Begun::Done(done) => done,
            Begun::Waiting(waiting) => step::finish(self.app, self.request, waiting).await?,
        };
        Ok(Done::Created(done.written().unwrap_or(created).clone()))
    }

    /// Whether all that is referred to is there.
    fn check(&self, mentions: &[Mention<'_>]) -> Result<(), OperationError> {
        let is_missing = |mention: &&Mention<'_>| {
            let must_be_there = match mention {
                Mention::Value(_) => true,
                Mention::Part(bulk_id) => self.creations.contains_key(*bulk_id),
            };
            must_be_there && self.created_id(mention.bulk_id()).is_none()
        };
        let Some(missing) = mentions.iter().find(is_missing) else { return Ok(()) };
        let problem = match self.creations.get(missing.bulk_id()) {
            Some(target) if self.ended[*target].is_some() => "which was not created",
            Some(_) => "which cannot be created before it",
            None => "which no POST of this request creates",
        };
        let shown: String = missing.bulk_id().chars().take(SHOWN).collect();
        Err(OperationError::Unresolved(format!("The operation refers to bulkId:{shown}, {problem}.")))
    }

    /// The id of what the POST with this `bulkId` created.
    fn created_id(&self, bulk_id: &str) -> Option<&str> {
        match self.ended[*self.creations.get(bulk_id)?].as_ref()? {
            Ok(Done::Created(created)) => Some(&created.id),
            _ => None,
        }
    }

    /// The URL of the resource, also of one that could not be changed (RFC-118).
    fn location(&self, place: usize) -> Option<String> {
        if let Some(Ok(done)) = &self.ended[place]
            && let Some(written) = done.written()
        {
            return Some(written.location.clone());
        }
        let (endpoint, id) = self.operations[place].subject.as_ref()?;
        let id = referenced(id).map_or(Some(id.as_str()), |bulk_id| self.created_id(bulk_id))?;
        // A POST has no business at a resource, and so none that it could be about.
        let is_post = self.operations[place].method == "POST";
        (!is_post).then(|| format!("{}{}/{id}", self.app.base_url, endpoint.as_str()))
    }
}

fn references(operation: &Operation, creations: &HashMap<String, usize>) -> Vec<usize> {
    let mentions = operation.action.as_ref().map(Action::mentions).unwrap_or_default();
    let mut targets: Vec<_> =
        mentions.iter().filter_map(|mention| creations.get(mention.bulk_id()).copied()).collect();
    targets.sort_unstable();
    targets.dedup();
    targets
}
