//! Operations with everything looked up, and what they do to a resource's attributes.

use serde_json::{Map, Value};

use crate::scim::{
    attribute::{Attribute, Mutability},
    canonical,
    dialect::implied_element::implied,
    element,
    error::{Error, ScimType},
    filter::ElementFilter,
    limits,
    resource_type::AttributeRef,
    value::Part,
};

/// One change to one attribute.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    /// The attribute. A sub-attribute is not named here: it is part of the change.
    at: AttributeRef,
    change: Change,
}

/// What becomes of an attribute.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// It is unassigned.
    Remove,
    /// It gets this value, or none. For simple, single-valued attributes.
    Set(Option<Value>),
    /// Some of its sub-attributes change. For complex, single-valued attributes.
    Merge(Vec<Part>),
    /// These elements are added.
    Add(Vec<Value>),
    /// Its elements are these.
    Replace(Vec<Value>),
    /// These elements are removed.
    RemoveListed(Vec<Value>),
    /// The elements that match change; all of them, if there is no filter.
    Elements(Option<ElementFilter>, ElementChange),
}

/// What becomes of an element of a complex, multi-valued attribute.
#[derive(Clone, Debug)]
pub(super) enum ElementChange {
    /// It is removed.
    Remove,
    /// Some of its sub-attributes change.
    Merge(Vec<Part>),
    /// This takes its place.
    Replace(Value),
}

impl Operation {
    pub(super) fn new(at: AttributeRef, change: Change) -> Self {
        Self { at: AttributeRef { sub_attribute: None, ..at }, change }
    }

    /// Whether it changes the core attribute of that canonical name.
    pub(super) fn is_about(&self, name: &str) -> bool {
        self.at.extension.is_none() && self.at.attribute.name == name
    }

    /// What becomes of the attribute.
    pub(super) fn change(&self) -> &Change {
        &self.change
    }

    /// Changes the attributes. After an error they are of no use.
    pub(super) fn apply(&self, attributes: &mut Map<String, Value>) -> Result<(), Error> {
        let Some(urn) = self.at.extension.as_deref() else { return self.apply_in(attributes) };
        if let Value::Object(object) = attributes.entry(urn).or_insert_with(|| Map::new().into()) {
            self.apply_in(object)?;
            if object.is_empty() {
                attributes.shift_remove(urn);
            }
        }
        Ok(())
    }

    fn apply_in(&self, object: &mut Map<String, Value>) -> Result<(), Error> {
        let attribute = &self.at.attribute;
        let before = object.get_mut(&attribute.name).map(Value::take);
        let fixed = if attribute.mutability == Mutability::Immutable { before.clone() } else { None };
        let after = self.change.apply(attribute, before)?;
        if fixed.is_some_and(|fixed| !after.as_ref().is_some_and(|after| canonical::same(&fixed, after))) {
            return Err(immutable(&attribute.name));
        }
        match after {
            // A key that is there keeps its place.
            Some(after) => drop(object.insert(attribute.name.clone(), after)),
            None => drop(object.shift_remove(&attribute.name)),
        }
        Ok(())
    }
}

impl Change {
    /// The value of the attribute after the change.
    fn apply(&self, attribute: &Attribute, before: Option<Value>) -> Result<Option<Value>, Error> {
        match self {
            Self::Remove => Ok(None),
            Self::Set(value) => Ok(value.clone()),
            Self::Merge(parts) => {
                let mut object = before.and_then(into_object).unwrap_or_default();
                merge(&attribute.name, &mut object, parts)?;
                Ok((!object.is_empty()).then_some(Value::Object(object)))
            }
            Self::Add(_) | Self::Replace(_) | Self::RemoveListed(_) | Self::Elements(..) => {
                let mut elements = before.and_then(into_elements).unwrap_or_default();
                self.apply_to_elements(attribute, &mut elements)?;
                limits::check_elements(attribute, elements.len(), &attribute.name)?;
                Ok((!elements.is_empty()).then_some(Value::Array(elements)))
            }
        }
    }

    fn apply_to_elements(&self, attribute: &Attribute, elements: &mut Vec<Value>) -> Result<(), Error> {
        match self {
            Self::Add(new) => element::add(attribute, elements, new.clone()),
            Self::Replace(new) => *elements = element::replace(attribute, elements, new.clone()),
            Self::RemoveListed(listed) => element::remove_listed(attribute, elements, listed),
            Self::Elements(filter, change) => return change.apply(attribute, elements, filter.as_ref()),
            Self::Remove | Self::Set(_) | Self::Merge(_) => {}
        }
        Ok(())
    }
}

impl ElementChange {
    fn apply(
        &self,
        attribute: &Attribute,
        elements: &mut Vec<Value>,
        filter: Option<&ElementFilter>,
    ) -> Result<(), Error> {
        let matches = |element: &Value| filter.is_none_or(|filter| filter.matches(element));
        let places: Vec<usize> = (0..elements.len()).filter(|&place| matches(&elements[place])).collect();
        let Some(&first) = places.first() else { return self.apply_to_none(attribute, elements, filter) };
        match self {
            Self::Remove => elements.retain(|element| !matches(element)),
            Self::Merge(parts) => {
                for &place in &places {
                    if let Value::Object(element) = &mut elements[place] {
                        merge(&attribute.name, element, parts)?;
                    }
                }
            }
            Self::Replace(new) => {
                for &place in &places {
                    elements[place] = replaced(attribute, &elements[place], new)?;
                }
            }
        }
        if self.makes_primary() {
            element::demote_others(elements, first);
        }
        if !matches!(self, Self::Remove) {
            // An element that lost its last part is gone, and one that became like another is there once (RFC
            // 7643 §2.4).
            let changed = std::mem::take(elements);
            let left = changed
                .into_iter()
                .filter(|element| element.as_object().is_none_or(|object| !object.is_empty()));
            element::add(attribute, elements, left.collect());
        }
        Ok(())
    }

    /// Nothing matches. That is right for what takes something away; else the element is made that the path
    /// describes.
    fn apply_to_none(
        &self,
        attribute: &Attribute,
        elements: &mut Vec<Value>,
        filter: Option<&ElementFilter>,
    ) -> Result<(), Error> {
        let described = match (self, filter) {
            (Self::Remove, _) => return Ok(()),
            (Self::Merge(parts), _) if parts.iter().all(|(_, value)| value.is_none()) => return Ok(()),
            (Self::Merge(_), None) => Some(Map::new()),
            (Self::Merge(_), Some(filter)) => implied(attribute, filter)?,
            (Self::Replace(_), _) => None,
        };
        let (Self::Merge(parts), Some(mut element)) = (self, described) else {
            let detail = format!("No value of `{}` matches the filter in the path.", attribute.name);
            return Err(Error::new(ScimType::NoTarget, detail));
        };
        merge(&attribute.name, &mut element, parts)?;
        element::add(attribute, elements, vec![Value::Object(element)]);
        Ok(())
    }

    fn makes_primary(&self) -> bool {
        match self {
            Self::Remove => false,
            Self::Merge(parts) => {
                parts.iter().any(|(sub, value)| sub.name == "primary" && *value == Some(Value::Bool(true)))
            }
            Self::Replace(element) => element::is_primary(element),
        }
    }
}

/// Changes parts of a complex value, called `path`.
fn merge(path: &str, object: &mut Map<String, Value>, parts: &[Part]) -> Result<(), Error> {
    for (sub, value) in parts {
        let before = object.get(&sub.name);
        let changes = before != value.as_ref();
        if sub.mutability == Mutability::Immutable && before.is_some() && changes {
            return Err(immutable(&format!("{path}.{}", sub.name)));
        }
        match value {
            Some(value) => drop(object.insert(sub.name.clone(), value.clone())),
            None => drop(object.shift_remove(&sub.name)),
        }
        if changes && sub.name == "value" && !parts.iter().any(|(sub, _)| sub.name == "$ref") {
            object.shift_remove("$ref");
        }
    }
    Ok(())
}

/// The element that takes the place of `old`: the new one, with what cannot change of the old one.
fn replaced(attribute: &Attribute, old: &Value, new: &Value) -> Result<Value, Error> {
    let mut element = new.clone();
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable) {
        match (old.get(&sub.name), element.get(&sub.name)) {
            (Some(old), Some(new)) if old != new => {
                return Err(immutable(&format!("{}.{}", attribute.name, sub.name)));
            }
            (Some(old), None) => element[sub.name.as_str()] = old.clone(),
            _ => {}
        }
    }
    Ok(element)
}

fn immutable(path: &str) -> Error {
    Error::new(ScimType::Mutability, format!("`{path}` cannot be changed once it is set."))
}

fn into_object(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn into_elements(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(elements) => Some(elements),
        _ => None,
    }
}
