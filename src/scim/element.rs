//! The elements of a multi-valued attribute: which are the same, how they are put together, which is primary.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    attribute::{Attribute, Mutability},
    canonical,
    fold::fold,
};

/// What makes two elements the same one.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'e> {
    /// `value` alone, where it cannot change: a group's members.
    Value(&'e str),
    /// `value` and `type`, of which a pair stands there once (RFC 7643 §2.4).
    Typed(&'e str, Option<&'e str>),
    /// All it says, as for addresses, which have no `value`.
    Whole(String),
}

impl<'e> Identity<'e> {
    fn of(attribute: &Attribute, element: &'e Value) -> Self {
        let text = |name| element.get(name).and_then(Value::as_str);
        match text("value") {
            Some(value) if is_fixed(attribute, "value") => Self::Value(value),
            Some(value) => Self::Typed(value, text("type")),
            None => Self::Whole(canonical::text(element)),
        }
    }
}

/// Adds elements to those that are there. One that is there already is not added again but takes over what
/// the new one says (`RFC-088`, `Q-49`). A new primary element takes the place of the old one (RFC 7644
/// §3.5.2, `RFC-105`).
pub(super) fn add(attribute: &Attribute, elements: &mut Vec<Value>, new: Vec<Value>) {
    let primary = new.iter().position(is_primary);
    // Where each new element goes. Only the new ones are indexed: one member more must not cost a copy of a
    // large group.
    let mut index = HashMap::with_capacity(new.len());
    let slots: Vec<usize> = new
        .iter()
        .enumerate()
        .map(|(position, element)| *index.entry(Identity::of(attribute, element)).or_insert(position))
        .collect();
    let mut places: Vec<Option<usize>> = vec![None; new.len()];
    for (place, element) in elements.iter().enumerate() {
        if let Some(&slot) = index.get(&Identity::of(attribute, element)) {
            places[slot].get_or_insert(place);
        }
    }
    drop(index);

    for (element, &slot) in new.into_iter().zip(&slots) {
        match places[slot] {
            Some(place) => take_over(attribute, &mut elements[place], element),
            None => {
                places[slot] = Some(elements.len());
                elements.push(element);
            }
        }
    }
    if let Some(place) = primary.and_then(|position| places[slots[position]]) {
        demote_others(elements, place);
    }
}

/// The elements that replace `old` ones: just `new`, where one that was there before keeps what cannot
/// change, so that a member sent again without its `type` is no change (`Q-59`).
pub(super) fn replace(attribute: &Attribute, old: &[Value], mut new: Vec<Value>) -> Vec<Value> {
    let fixed: Vec<_> =
        attribute.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable).collect();
    if fixed.is_empty() {
        return new;
    }
    let old: HashMap<_, _> = old.iter().map(|element| (Identity::of(attribute, element), element)).collect();
    for element in &mut new {
        let Some(before) = old.get(&Identity::of(attribute, element)).copied() else { continue };
        for sub in &fixed {
            if let Some(value) = before.get(&sub.name) {
                element[sub.name.as_str()] = value.clone();
            }
        }
    }
    new
}

/// Removes the elements that are `listed`: those of the same `value`, and of the same type if the listed one
/// names a type; or those that say the same, where there is no `value`.
pub(super) fn remove_listed(attribute: &Attribute, elements: &mut Vec<Value>, listed: &[Value]) {
    let only_value = is_fixed(attribute, "value");
    let ignores_case = attribute.sub_attribute("value").is_some_and(|value| !value.case_exact);
    let key = |element: &Value| -> Option<String> {
        let text = element.get("value")?.as_str()?;
        Some(if ignores_case { fold(text).into_owned() } else { text.to_owned() })
    };
    let mut by_value: HashMap<_, Vec<&Value>> = HashMap::new();
    for listed in listed {
        by_value.entry(key(listed)).or_default().push(listed);
    }
    let same = |listed: &Value, element: &Value| match listed.get("value") {
        None => canonical::same(listed, element),
        Some(_) => only_value || listed.get("type").is_none_or(|kind| Some(kind) == element.get("type")),
    };
    elements.retain(|element| {
        let candidates = by_value.get(&key(element)).map(Vec::as_slice).unwrap_or_default();
        !candidates.iter().any(|listed| same(listed, element))
    });
}

/// Whether `primary` is true.
pub(super) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Sets `primary` to false on every primary element but the one at `place`.
pub(super) fn demote_others(elements: &mut [Value], place: usize) {
    for (other, element) in elements.iter_mut().enumerate() {
        if other != place && is_primary(element) {
            element["primary"] = false.into();
        }
    }
}

/// Sets in `element` what `new` says, save what cannot change.
fn take_over(attribute: &Attribute, element: &mut Value, new: Value) {
    let (Value::Object(element), Value::Object(new)) = (element, new) else { return };
    for (name, value) in new {
        if !(is_fixed(attribute, &name) && element.contains_key(&name)) {
            element.insert(name, value);
        }
    }
}

/// Whether a sub-attribute cannot change once it is set.
pub(super) fn is_fixed(attribute: &Attribute, sub_name: &str) -> bool {
    attribute.sub_attribute(sub_name).is_some_and(|sub| sub.mutability == Mutability::Immutable)
}
