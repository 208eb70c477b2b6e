//! A small resource type with one attribute of every kind and characteristic, for the tests of filters, paths and
//! projections. It stays the same whatever becomes of the real schemas.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    resource_type::ResourceType,
    schema::Schema,
    urn::{ENTERPRISE_USER, GROUP, USER},
};

/// An extension of our own, beside the enterprise one.
pub const BADGE: &str = "urn:example:params:scim:schemas:badge:1.0";

/// A User type with the enterprise extension and [`BADGE`]. Both extensions define `costCenter`.
pub fn user_type() -> ResourceType {
    ResourceType {
        name: "User",
        endpoint: "/Users",
        description: "",
        schema: schema(json!({ "id": USER, "name": "User", "attributes": [
            { "name": "userName", "type": "string", "required": true, "uniqueness": "server" },
            { "name": "displayName", "type": "string" },
            { "name": "title", "type": "string" },
            { "name": "active", "type": "boolean" },
            { "name": "password", "type": "string", "mutability": "writeOnly", "returned": "never" },
            { "name": "recoveryHint", "type": "string", "returned": "request" },
            { "name": "seats", "type": "integer" },
            { "name": "score", "type": "decimal" },
            { "name": "hiredAt", "type": "dateTime" },
            { "name": "photo", "type": "binary" },
            { "name": "nickNames", "type": "string", "multiValued": true },
            { "name": "name", "type": "complex", "subAttributes": [
                { "name": "formatted", "type": "string" },
                { "name": "givenName", "type": "string" },
                { "name": "familyName", "type": "string" },
            ] },
            multi_valued("emails"),
            multi_valued("roles"),
            { "name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "label", "type": "string", "returned": "always" },
                { "name": "algorithm", "type": "string" },
                { "name": "secret", "type": "string", "returned": "never" },
                { "name": "value", "type": "string", "returned": "never" },
            ] },
        ] })),
        extensions: vec![
            schema(json!({ "id": ENTERPRISE_USER, "name": "EnterpriseUser", "attributes": [
                { "name": "department", "type": "string" },
                { "name": "employeeNumber", "type": "string" },
                { "name": "costCenter", "type": "string" },
                { "name": "manager", "type": "complex", "subAttributes": [
                    { "name": "value", "type": "string", "caseExact": true },
                    { "name": "displayName", "type": "string", "mutability": "readOnly" },
                ] },
            ] })),
            schema(json!({ "id": BADGE, "name": "Badge", "attributes": [
                { "name": "number", "type": "string", "returned": "always" },
                { "name": "costCenter", "type": "string" },
                { "name": "pin", "type": "string", "returned": "never" },
            ] })),
        ],
    }
}

/// A Group type.
pub fn group_type() -> ResourceType {
    ResourceType {
        name: "Group",
        endpoint: "/Groups",
        description: "",
        schema: schema(json!({ "id": GROUP, "name": "Group", "attributes": [
            { "name": "displayName", "type": "string", "required": true },
            { "name": "members", "type": "complex", "multiValued": true, "subAttributes": [
                { "name": "value", "type": "string", "caseExact": true, "mutability": "immutable" },
                { "name": "$ref", "type": "reference", "caseExact": true, "mutability": "immutable" },
                { "name": "type", "type": "string", "mutability": "immutable" },
                { "name": "display", "type": "string", "mutability": "readOnly" },
            ] },
        ] })),
        extensions: vec![],
    }
}

/// A user that has a value for most of it.
pub fn user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE_USER],
        "id": "2819c223",
        "externalId": "ABC",
        "userName": "Bob@Example.com",
        "title": null,
        "active": true,
        "seats": 5,
        "score": 1.5,
        "hiredAt": "2011-05-13T04:42:34Z",
        "photo": "QUJD",
        "nickNames": ["Bobby", "Rob"],
        "name": { "givenName": "Bob", "familyName": "O'Malley" },
        "emails": [
            { "value": "bob@work.example", "type": "work", "primary": true },
            { "value": "bob@home.example", "type": "home" },
        ],
        "roles": [],
        ENTERPRISE_USER: { "department": "R&D", "manager": { "value": "M1" } },
        "meta": {
            "resourceType": "User",
            "created": "2024-01-01T00:00:00.000Z",
            "lastModified": "2024-06-01T12:00:00.000Z",
        },
    })
}

fn multi_valued(name: &str) -> Value {
    json!({ "name": name, "type": "complex", "multiValued": true, "subAttributes": [
        { "name": "value", "type": "string" },
        { "name": "display", "type": "string" },
        { "name": "type", "type": "string" },
        { "name": "primary", "type": "boolean" },
    ] })
}

fn schema(schema: Value) -> Arc<Schema> {
    Arc::new(serde_json::from_value(schema).unwrap())
}
