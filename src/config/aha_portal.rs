//! An app's keys with `connector = "aha-portal"`.

use super::{
    aha_account::{AhaAccount, id_or_key},
    reader::Table,
    source::Read,
};

/// How to treat the users of an Aha! ideas portal.
#[derive(Clone, Debug)]
pub struct AhaPortalConfig {
    /// The account that the portal belongs to.
    pub account: AhaAccount,
    /// The portal: its id or its key, safe as one segment of a URL's path.
    pub portal_id: String,
    /// What new users are told to be; `None`: nothing, so that they are what Aha! makes of them.
    pub permission: Option<PortalPermission>,
    /// What becomes of the portal user of a user that is deleted.
    pub on_delete: OnDelete,
}

/// Whether new users are employees or partners, in the words that Aha!'s documents have for it: the table of parameters
/// says `true` or `false`, and the example sends `employee`. Which of them counts is not known, so each is sent as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalPermission {
    /// `employee`.
    Employee,
    /// `true`.
    True,
    /// `false`.
    False,
}

impl PortalPermission {
    /// Every permission.
    pub const ALL: [PortalPermission; 3] =
        [PortalPermission::Employee, PortalPermission::True, PortalPermission::False];

    /// As Aha! is sent it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::True => "true",
            Self::False => "false",
        }
    }
}

/// What becomes of the account of a user that the IdP deletes, at a target that can delete accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// It is deleted too.
    Delete,
    /// It is disabled, and stays.
    Disable,
}

impl AhaPortalConfig {
    /// Reads the keys of `table`, which is the app's.
    pub(super) fn read(table: &mut Table<'_>) -> Read<Self> {
        let account = AhaAccount::read(table);
        let portal_id = table.required("portal_id", "the id or the key of the ideas portal", |value| {
            id_or_key(&value, "the id or the key of an ideas portal")
        });
        let permissions = PortalPermission::ALL.map(|permission| (permission.as_str(), permission));
        let permission = table.optional("permission", |value| value.one_of(&permissions));
        let on_delete = table.or("on_delete", OnDelete::Delete, |value| {
            value.one_of(&[("delete", OnDelete::Delete), ("disable", OnDelete::Disable)])
        });
        Ok(Self { account: account?, portal_id: portal_id?, permission: permission?, on_delete: on_delete? })
    }
}
