//! The attributes that `/Schemas` lists, read as a client reads them: as JSON, not as the server's own types.

use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Default,
    Request,
    Never,
}

/// An attribute that is not complex, or a sub-attribute, and where it stands.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// `/Users` or `/Groups`.
    pub endpoint: &'static str,
    /// As a filter or a PATCH path names it.
    pub path: String,
    /// The URN of an extension.
    pub extension: Option<String>,
    /// The complex attribute that it is part of.
    pub parent: Option<Parent>,
    pub name: String,
    pub kind: String,
    pub required: bool,
    pub multi_valued: bool,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    pub uniqueness: String,
    canonical_values: Vec<String>,
    /// The URL that the endpoints follow.
    base_url: String,
    number: usize,
}

/// A complex attribute.
#[derive(Clone, Debug)]
pub struct Parent {
    pub name: String,
    pub multi_valued: bool,
    /// Required sub-attributes with a value each.
    companions: Map<String, Value>,
}

/// All of them, by resource type.
pub fn leaves(base_url: &str, types: &Value, schemas: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for resource_type in types["Resources"].as_array().unwrap() {
        let endpoint = if resource_type["endpoint"] == "/Users" { "/Users" } else { "/Groups" };
        let core = (resource_type["schema"].as_str().unwrap(), None);
        let extensions = resource_type["schemaExtensions"].as_array().unwrap().iter();
        let extensions =
            extensions.map(|extension| extension["schema"].as_str().unwrap()).map(|urn| (urn, Some(urn)));
        for (urn, extension) in std::iter::once(core).chain(extensions) {
            let schema =
                schemas["Resources"].as_array().unwrap().iter().find(|schema| schema["id"] == urn).unwrap();
            for attribute in schema["attributes"].as_array().unwrap() {
                push(&mut leaves, endpoint, extension, attribute);
            }
        }
    }
    for leaf in &mut leaves {
        leaf.base_url = base_url.to_owned();
    }
    leaves
}

fn push(leaves: &mut Vec<Leaf>, endpoint: &'static str, extension: Option<&str>, attribute: &Value) {
    let prefix = extension.map_or_else(String::new, |urn| format!("{urn}:"));
    let name = attribute["name"].as_str().unwrap();
    let Some(subs) = attribute["subAttributes"].as_array() else {
        let number = leaves.len();
        leaves.push(leaf(endpoint, extension, None, format!("{prefix}{name}"), attribute, number));
        return;
    };
    for sub in subs {
        let others = subs.iter().filter(|other| other["required"] == true && other["name"] != sub["name"]);
        let parent = Parent {
            name: name.to_owned(),
            multi_valued: attribute["multiValued"] == true,
            companions: others
                .map(|other| (other["name"].as_str().unwrap().to_owned(), json!("companion")))
                .collect(),
        };
        let path = format!("{prefix}{name}.{}", sub["name"].as_str().unwrap());
        let number = leaves.len();
        let mut part = leaf(endpoint, extension, Some(parent), path, sub, number);
        // What holds a readOnly attribute is readOnly with all that is in it.
        if attribute["mutability"] == "readOnly" {
            part.mutability = Mutability::ReadOnly;
        }
        leaves.push(part);
    }
}

fn leaf(
    endpoint: &'static str,
    extension: Option<&str>,
    parent: Option<Parent>,
    path: String,
    listed: &Value,
    number: usize,
) -> Leaf {
    let text =
        |name: &str| listed[name].as_str().unwrap_or_else(|| panic!("{path}: {name} is not told")).to_owned();
    let flag = |name: &str| listed[name].as_bool().unwrap_or_else(|| panic!("{path}: {name} is not told"));
    Leaf {
        endpoint,
        extension: extension.map(str::to_owned),
        name: text("name"),
        kind: text("type"),
        required: flag("required"),
        multi_valued: flag("multiValued"),
        case_exact: flag("caseExact"),
        mutability: serde_json::from_value(listed["mutability"].clone()).unwrap(),
        returned: serde_json::from_value(listed["returned"].clone()).unwrap(),
        uniqueness: text("uniqueness"),
        canonical_values: serde_json::from_value(listed.get("canonicalValues").cloned().unwrap_or(json!([])))
            .unwrap(),
        base_url: String::new(),
        number,
        parent,
        path,
    }
}

impl Leaf {
    /// Whether it is part of an element of a list.
    pub fn is_of_an_element(&self) -> bool {
        self.parent.as_ref().is_some_and(|parent| parent.multi_valued)
    }

    /// One of two right values, of which no other attribute has the same.
    pub fn one(&self, which: usize) -> Value {
        let number = self.number * 2 + which;
        match self.kind.as_str() {
            // A member's URL follows from who it is.
            "reference" if self.path == "members.$ref" && which == 1 => {
                json!(format!("{}/Users/companion", self.base_url))
            }
            "string" if self.path == "members.type" => json!(self.canonical_values[which - 1]),
            "string" => json!(format!("Value {number} Äé")),
            "boolean" => json!(which == 1),
            "integer" => json!(number),
            "decimal" => json!(number as f64 + 0.5),
            "dateTime" => json!(format!("2026-01-{which:02}T09:00:00.{number:03}Z")),
            "binary" => json!(format!("QUJD{number:04}")),
            "reference" => json!(format!("https://example.test/Path/{number}")),
            other => panic!("{}: {other}", self.path),
        }
    }

    /// A right value; a list of one where it is multi-valued.
    pub fn sample(&self) -> Value {
        self.listed(self.one(1))
    }

    /// Another one.
    pub fn other_sample(&self) -> Value {
        self.listed(self.one(2))
    }

    fn listed(&self, value: Value) -> Value {
        if self.multi_valued { json!([value]) } else { value }
    }

    /// Values of wrong types, none of which a known repair mends.
    pub fn wrong_values(&self) -> Vec<Value> {
        let wrong = match self.kind.as_str() {
            "string" => vec![json!({ "a": 1 }), json!(true)],
            "boolean" => vec![json!("perhaps"), json!(1), json!({})],
            "integer" => vec![json!(1.5), json!("x"), json!(true)],
            "decimal" => vec![json!("x"), json!(false)],
            "dateTime" => vec![json!("yesterday"), json!("2026-01-31"), json!(7)],
            "binary" => vec![json!("not base64!"), json!(7)],
            "reference" => vec![json!({ "a": 1 }), json!(true)],
            other => panic!("{}: {other}", self.path),
        };
        if self.multi_valued { wrong.into_iter().map(|value| json!([value])).collect() } else { wrong }
    }

    /// A resource's members with the value in its place.
    pub fn placed(&self, value: Value) -> Option<Value> {
        Some(self.placed_raw(value))
    }

    /// The same, whatever the value.
    pub fn placed_raw(&self, value: Value) -> Value {
        let attribute = match &self.parent {
            None => json!({ &self.name: value }),
            Some(parent) => {
                let mut object = parent.companions.clone();
                object.insert(self.name.clone(), value);
                self.in_parent(parent, object)
            }
        };
        self.in_extension(attribute)
    }

    /// The parent with all that it must have but this; nothing where there is no parent.
    pub fn parent_without(&self) -> Option<Value> {
        let parent = self.parent.as_ref()?;
        let object = if parent.companions.is_empty() && self.required {
            another(parent)
        } else {
            parent.companions.clone()
        };
        Some(self.in_extension(self.in_parent(parent, object)))
    }

    /// The value, and something else beside it in the parent.
    pub fn placed_with_another(&self, value: Value) -> Option<Value> {
        let parent = self.parent.as_ref()?;
        let mut object = another(parent);
        object.insert(self.name.clone(), value);
        Some(self.in_extension(self.in_parent(parent, object)))
    }

    fn in_parent(&self, parent: &Parent, object: Map<String, Value>) -> Value {
        let value = if parent.multi_valued { json!([object]) } else { json!(object) };
        json!({ &parent.name: value })
    }

    fn in_extension(&self, attribute: Value) -> Value {
        match &self.extension {
            Some(urn) => json!({ urn: attribute }),
            None => attribute,
        }
    }

    /// The value in a resource.
    pub fn find(&self, resource: &Value) -> Option<Value> {
        let holder = match &self.extension {
            Some(urn) => resource.get(urn)?,
            None => resource,
        };
        let Some(parent) = &self.parent else { return holder.get(&self.name).cloned() };
        let parent = holder.get(&parent.name)?;
        let object = parent.as_array().map_or(Some(parent), |elements| elements.first())?;
        object.get(&self.name).cloned()
    }
}

/// A part that the parents of required parts have beside them.
fn another(parent: &Parent) -> Map<String, Value> {
    let (name, value) = if parent.multi_valued { ("type", json!("User")) } else { ("floor", json!(1)) };
    Map::from_iter([(name.to_owned(), value)])
}
