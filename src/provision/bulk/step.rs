//! One operation: the use case that it is.

use crate::{
    provision::{
        BridgedApp, Presented, ProvisionError, Request, confirm, create, delete,
        groups::{self, Members},
        replace,
        submit::Submission,
        update,
    },
    scim::bulk::{Action, Change, Endpoint},
};

use super::{Done, Written};

/// How far an operation is.
pub(super) enum Begun {
    /// A group's is done once it is stored.
    Done(Done),
    /// A user's may have to wait for the target.
    Waiting(Box<Waiting>),
}

/// What is durable and not confirmed.
pub(super) enum Waiting {
    /// A user was written; what that is.
    Write(Submission, fn(Written) -> Done),
    /// A user was deleted.
    Deletion(Submission),
}

impl Waiting {
    /// Lets the worker begin, also while nobody waits yet.
    pub(super) fn rouse(&self, app: &BridgedApp) {
        let (Self::Write(submission, _) | Self::Deletion(submission)) = self;
        submission.rouse(&app.target);
    }
}

/// Stores what the operation asserts.
pub(super) async fn begin(
    app: &BridgedApp,
    request: &Request,
    action: Action,
) -> Result<Begun, ProvisionError> {
    match action {
        Action::Create { endpoint: Endpoint::Users, data } => {
            write(create::begin(app, data, request).await?, Done::Created)
        }
        Action::Create { endpoint: Endpoint::Groups, data } => {
            done(groups::create::create(app, data, Members::Omitted, request).await?, Done::Created)
        }
        Action::Change { endpoint: Endpoint::Users, id, precondition, change } => {
            let id = id.into();
            match change {
                Change::Replace(data) => {
                    write(replace::begin(app, &id, precondition, data, request).await?, Done::Replaced)
                }
                Change::Update(data) => {
                    let submission = update::begin(app, &id, precondition, data, request).await?;
                    write(submission, |written| Done::Updated(Endpoint::Users, written))
                }
                Change::Delete => {
                    let submission = delete::begin(app, &id, precondition, request).await?;
                    Ok(Begun::Waiting(Box::new(Waiting::Deletion(submission))))
                }
            }
        }
        Action::Change { endpoint: Endpoint::Groups, id, precondition, change } => {
            let id = id.into();
            match change {
                Change::Replace(data) => {
                    let presented =
                        groups::replace::replace(app, &id, precondition, data, Members::Omitted, request);
                    done(presented.await?, Done::Replaced)
                }
                Change::Update(data) => {
                    let presented =
                        groups::update::update(app, &id, precondition, data, Members::Omitted, request);
                    done(presented.await?, |written| Done::Updated(Endpoint::Groups, written))
                }
                Change::Delete => {
                    groups::delete::delete(app, &id, precondition, request).await?;
                    Ok(Begun::Done(Done::Deleted))
                }
            }
        }
    }
}

/// Waits for the target, as a single request does.
pub(super) async fn finish(
    app: &BridgedApp,
    request: &Request,
    waiting: Box<Waiting>,
) -> Result<Done, ProvisionError> {
    match *waiting {
        Waiting::Write(submission, kind) => {
            Ok(kind(confirm::finish(app, submission, request.deadline).await?.into()))
        }
        Waiting::Deletion(submission) => {
            confirm::confirm(app, submission, request.deadline).await?;
            Ok(Done::Deleted)
        }
    }
}

fn write(submission: Submission, kind: fn(Written) -> Done) -> Result<Begun, ProvisionError> {
    Ok(Begun::Waiting(Box::new(Waiting::Write(submission, kind))))
}

fn done(presented: Presented, kind: fn(Written) -> Done) -> Result<Begun, ProvisionError> {
    Ok(Begun::Done(kind(presented.into())))
}
