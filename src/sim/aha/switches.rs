//! What is not known about Aha!, as switches.
//!
//! Where the vendor's documents are silent the simulator does not guess once: each open question is a switch, and a
//! client is right only when it is right for every position. The first variant of each enum is the default.

/// The behaviour of the simulated account. Change it while it runs with
/// [`SimulatedAha::change`](super::SimulatedAha::change).
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// Creating a user with an e-mail that the account has already.
    pub duplicate_email: DuplicateEmail,
    /// How an e-mail is kept.
    pub stored_email: StoredEmail,
    /// How `GET /users?email=` compares.
    pub email_filter: EmailFilter,
    /// Whether lists contain disabled users.
    pub disabled_users: DisabledUsers,
    /// The status of a validation error.
    pub validation_status: ValidationStatus,
    /// The body of a validation error.
    pub validation_shape: ValidationShape,
    /// Paid seats.
    pub seats: Seats,
    /// Which changes move `updated_at`.
    pub updated_at: UpdatedAt,
    /// Removing a role that is not there.
    pub absent_role: AbsentRole,
    /// Writing the role `none`.
    pub none_role: NoneRole,
    /// Giving a second custom role in a workspace.
    pub custom_roles: CustomRoles,
    /// Putting somebody into a paid seat group who is in another one.
    pub seat_group_move: SeatGroupMove,
    /// Whether the plan has paid seat groups and custom roles.
    pub enterprise_plus: Permission,
    /// The shape of the answer to `PUT /users/:id`.
    pub put_answer: PutAnswer,
    /// What a caller who is no administrator gets from administrators' endpoints.
    pub outsider: Outsider,
    /// Whether an API key works on when its owner is disabled.
    pub disabled_owner: DisabledOwner,
    /// Whether a caller may disable itself.
    pub self_disable: Permission,
    /// Whether the last enabled administrator may be disabled or demoted.
    pub last_administrator: Permission,
    /// Whether creating a user who signs in with an identity provider sends an invitation.
    pub sso_invitation: SsoInvitation,
    /// When `product_name` is shown.
    pub product_names: ProductNames,
    /// Creating a portal user with an e-mail that the portal has already.
    pub duplicate_portal_user: DuplicatePortalUser,
    /// Whether creating a portal user sends an invitation.
    pub portal_invitations: PortalInvitations,
    /// Which values `permission` of a portal user takes.
    pub portal_permission: PortalPermission,
    /// Rate limits.
    pub rate: RateRules,
    /// Logins for applications.
    pub oauth: OAuthRules,
    /// Who is told of changes that are made by hand; `None`: nobody.
    pub webhook: Option<Webhook>,
    /// How far the clock of Aha! is ahead of ours.
    pub clock_ahead: std::time::Duration,
}

/// A webhook that an administrator set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is sent to.
    pub url: String,
    /// Which one it is.
    pub kind: WebhookKind,
}

/// The kinds of webhooks that may tell of users; it is not known which changes each tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookKind {
    /// An activity webhook, which every plan has.
    #[default]
    Activity,
    /// A security webhook (Enterprise+).
    Security,
}

/// Creating a user with an e-mail that the account has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateEmail {
    /// The existing user gets the role; nothing else about the user changes. The endpoint answers as if created.
    #[default]
    GrantRole,
    /// A validation error, `Email has already been taken`.
    Refuse,
}

/// How an e-mail is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoredEmail {
    /// As it was sent.
    #[default]
    AsSent,
    /// In lower case.
    LowerCased,
}

/// How `GET /users?email=` compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailFilter {
    /// The whole address, without regard to case.
    #[default]
    IgnoringCase,
    /// The whole address, to the letter.
    Exact,
    /// Any part of the address, without regard to case: strangers may be among the answers.
    Partial,
}

/// Whether lists contain disabled users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisabledUsers {
    /// They are listed, with `enabled: false`.
    #[default]
    Listed,
    /// They are left out, also when filtering by e-mail; `GET /users/:id` still shows them.
    Hidden,
}

/// The status of a validation error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidationStatus {
    /// 400, as in the specification of the vendor's own client.
    #[default]
    BadRequest,
    /// 422, as the usage endpoint answers.
    UnprocessableEntity,
}

/// The body of a validation error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidationShape {
    /// `"errors": {"message": "…"}`
    #[default]
    Hash,
    /// `"errors": [{"message": "…"}, …]`
    Array,
    /// No `errors`; `"error"` is the message itself.
    MessageOnly,
}

/// Paid seats.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    /// How many there are; `None` is as many as anybody asks for.
    pub limit: Option<usize>,
    /// Who takes one.
    pub taken_by: SeatTakers,
    /// The answer when none is left.
    pub refusal: SeatRefusal,
}

/// Who takes a paid seat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeatTakers {
    /// Everybody (Premium plan).
    #[default]
    EveryUser,
    /// Owners and contributors; reviewers and viewers are free (Enterprise plans).
    Editors,
}

/// The answer when no seat is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SeatRefusal {
    /// A validation error that says so.
    #[default]
    Validation,
    /// This status with the JSON body `{"error": message}`.
    Status(u16, String),
}

/// Which changes move `updated_at`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdatedAt {
    /// All.
    #[default]
    MovesOnEveryChange,
    /// Only name and e-mail: a role, a permission or `enabled` may change without a trace.
    MovesOnNameAndEmail,
}

/// Removing a role that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbsentRole {
    /// 404.
    #[default]
    NotFound,
    /// 204, as if it had been there.
    NoContent,
}

/// Writing the role `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoneRole {
    /// It is kept, and shown with code 0.
    #[default]
    Kept,
    /// It takes the role away.
    Removes,
}

/// Giving a second custom role in a workspace. Deleting takes them all away, since it names the workspace alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CustomRoles {
    /// Both are held.
    #[default]
    Several,
    /// The second one takes the place of the first.
    OnePerWorkspace,
}

/// Putting somebody into a paid seat group who is in another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeatGroupMove {
    /// The user changes groups.
    #[default]
    Moves,
    /// A validation error.
    Refused,
}

/// The shape of the answer to `PUT /users/:id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PutAnswer {
    /// The user itself, as in the vendor's example.
    #[default]
    Bare,
    /// `{"user": …}`, as `GET /users/:id` answers.
    Wrapped,
}

/// What a caller who is no administrator gets from administrators' endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outsider {
    /// 403 with a JSON body.
    #[default]
    Forbidden,
    /// 404 with a JSON body, as if there were nothing.
    NotFound,
}

/// Whether an API key works on when its owner is disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisabledOwner {
    /// The key answers 401.
    #[default]
    LosesKey,
    /// The key works.
    KeepsKey,
}

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permission {
    /// Done without a question: whoever wants to be safe must look out for itself.
    #[default]
    Granted,
    /// A validation error.
    Refused,
}

/// Whether creating a user who signs in with an identity provider sends an invitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SsoInvitation {
    /// It does, as for everybody.
    #[default]
    Sent,
    /// It does not.
    Suppressed,
}

/// When `product_name` is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProductNames {
    /// Where the caller has a role itself; otherwise it is null.
    #[default]
    WhereCallerHasRole,
    /// Always.
    Always,
}

/// Creating a portal user with an e-mail that the portal has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicatePortalUser {
    /// A validation error, `Email has already been taken`.
    #[default]
    Refuse,
    /// The existing user is answered as if created; nothing about it changes.
    AnswerExisting,
}

/// Whether creating a portal user sends an invitation. By hand it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortalInvitations {
    /// It does.
    #[default]
    Sent,
    /// It does not.
    NotSent,
}

/// Which values `permission` of a portal user takes: the table of parameters says `true` or `false`, the example sends
/// `employee`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortalPermission {
    /// All of them.
    #[default]
    Any,
    /// `true` and `false`.
    Flags,
    /// `employee`.
    Words,
}

/// Rate limits: of the account, over all its API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRules {
    /// Calls a second.
    pub per_second: u32,
    /// Calls a minute.
    pub per_minute: u32,
    /// How the second and the minute are counted.
    pub windows: Windows,
    /// Which limit the `X-Ratelimit-*` headers describe.
    pub headers: RateHeaders,
    /// What `X-Ratelimit-Reset` is the time of.
    pub reset: Reset,
    /// How the time of a reset becomes whole seconds.
    pub rounding: Rounding,
    /// Whether a 429 says when to come again.
    pub retry_after: RetryAfter,
}

impl Default for RateRules {
    /// The documented limits: 20 a second and 300 a minute.
    fn default() -> Self {
        Self {
            per_second: 20,
            per_minute: 300,
            windows: Windows::default(),
            headers: RateHeaders::default(),
            reset: Reset::default(),
            rounding: Rounding::default(),
            retry_after: RetryAfter::default(),
        }
    }
}

impl RateRules {
    /// No limits that anybody could reach, for tests about something else.
    pub fn unlimited() -> Self {
        Self { per_second: u32::MAX, per_minute: u32::MAX, ..Self::default() }
    }
}

/// How the second and the minute are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Windows {
    /// Any stretch of that length: no burst of twice the limit fits in anywhere.
    #[default]
    Sliding,
    /// By the wall clock: the count starts again with each second and each minute.
    Fixed,
}

/// Which limit the `X-Ratelimit-*` headers describe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RateHeaders {
    /// The minute's.
    #[default]
    Minute,
    /// The second's.
    Second,
    /// That of the window with the least left.
    Tightest,
    /// None: the headers are left out.
    Absent,
}

/// What `X-Ratelimit-Reset` is the time of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// There is more room: the window ends, or its oldest call leaves it.
    #[default]
    FirstRoom,
    /// There is all the room there can be: the window ends, or its newest call leaves it.
    AllRoom,
}

/// How the time of a reset becomes whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Who waits until then finds room.
    #[default]
    Up,
    /// Who waits until then may be early.
    Down,
}

/// Whether a 429 says when to come again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryAfter {
    /// No `Retry-After`.
    #[default]
    Absent,
    /// `Retry-After` in whole seconds.
    Seconds,
}

/// Logins for applications (OAuth 2.0): nothing but the access token is documented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthRules {
    /// How long an access token is good; `None`: until it is revoked.
    pub lifetime: Option<std::time::Duration>,
    /// Whether it is told how long (`expires_in`).
    pub tells_lifetime: bool,
    /// Whether there are refresh tokens.
    pub refresh_tokens: RefreshTokens,
    /// The form of the answer.
    pub answer: TokenAnswer,
    /// The status of a refusal.
    pub refusal_status: u16,
    /// Whether the person is sent back with the state.
    pub state: StateParameter,
}

impl Default for OAuthRules {
    /// A token that is good until it is revoked.
    fn default() -> Self {
        Self {
            lifetime: None,
            tells_lifetime: true,
            refresh_tokens: RefreshTokens::default(),
            answer: TokenAnswer::default(),
            refusal_status: 400,
            state: StateParameter::default(),
        }
    }
}

/// Whether there are refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokens {
    /// There are none.
    #[default]
    None,
    /// One is given with the login, and stays good.
    Kept,
    /// Each is good once, and another is given with the token.
    Rotated,
}

/// The form of the answer with a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenAnswer {
    /// JSON.
    #[default]
    Json,
    /// A form, as endpoints answered before RFC 6749.
    Form,
}

/// Whether the person is sent back with the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateParameter {
    /// As RFC 6749 §4.1.2 requires.
    #[default]
    SentBack,
    /// Without it.
    Dropped,
}
