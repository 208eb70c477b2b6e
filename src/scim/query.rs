//! What a client asks of a list, whether by query parameters (RFC 7644 §3.4.2) or in the body of a POST to `/.search`
//! (§3.4.3): text -> [`Parameters`] -> [`Query`].

use serde_json::{Map, Value};

use super::{
    error::{Error, ScimType},
    filter::Filter,
    list::{Page, PageSize},
    project::Projection,
    resource_type::ResourceType,
    sort::{Order, SortBy},
    urn,
};

/// What was sent, as text. A parameter that is not there is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// `filter`
    pub filter: Option<String>,
    /// `sortBy`
    pub sort_by: Option<String>,
    /// `sortOrder`
    pub sort_order: Option<String>,
    /// `startIndex`
    pub start_index: Option<String>,
    /// `count`
    pub count: Option<String>,
    /// `cursor`; empty for the first page (RFC-124).
    pub cursor: Option<String>,
    /// `attributes`: names, separated by commas.
    pub attributes: Option<String>,
    /// `excludedAttributes`: names, separated by commas.
    pub excluded_attributes: Option<String>,
}

impl Parameters {
    /// Takes each parameter from `find`, which is asked for it by its name.
    pub fn read<'t>(find: impl Fn(&str) -> Option<&'t str>) -> Self {
        let text = |name| find(name).map(str::to_owned);
        Self {
            filter: text("filter"),
            sort_by: text("sortBy"),
            sort_order: text("sortOrder"),
            start_index: text("startIndex"),
            count: text("count"),
            cursor: text("cursor"),
            attributes: text("attributes"),
            excluded_attributes: text("excludedAttributes"),
        }
    }

    /// Reads a SearchRequest (RFC-115). Names compare without case, `null` is as nothing, unknown members are ignored as
    /// unknown query parameters are. `schemas` may be missing, as some clients forget it.
    ///
    /// # Errors
    /// `invalidSyntax` if it is no object, or another message; `invalidValue` if a member is of the wrong type.
    pub fn parse(body: Value) -> Result<Self, Error> {
        let Value::Object(body) = body else {
            return Err(Error::new(
                ScimType::InvalidSyntax,
                "The body must be a SearchRequest, a JSON object.",
            ));
        };
        refuse_other_message(&body)?;
        Ok(Self {
            filter: text(&body, "filter")?,
            sort_by: text(&body, "sortBy")?,
            sort_order: text(&body, "sortOrder")?,
            start_index: number(&body, "startIndex")?,
            count: number(&body, "count")?,
            cursor: text(&body, "cursor")?,
            attributes: names(&body, "attributes")?,
            excluded_attributes: names(&body, "excludedAttributes")?,
        })
    }
}

fn find<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    let found = body.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

fn refuse_other_message(body: &Map<String, Value>) -> Result<(), Error> {
    let is_search_request =
        |schema: &Value| schema.as_str().is_some_and(|schema| urn::same(schema, urn::SEARCH_REQUEST));
    let fits = match find(body, "schemas") {
        None => true,
        Some(Value::Array(schemas)) => schemas.is_empty() || schemas.iter().any(is_search_request),
        Some(other) => is_search_request(other),
    };
    if fits {
        return Ok(());
    }
    let detail = format!("The body must be a SearchRequest: `schemas` must hold `{}`.", urn::SEARCH_REQUEST);
    Err(Error::new(ScimType::InvalidSyntax, detail))
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match find(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong_type(name, "a string")),
    }
}

/// A number, or one that is written as text.
fn number(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match find(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(wrong_type(name, "a whole number")),
    }
}

/// An array of names, or one text with commas as in a query parameter.
fn names(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    let wrong = || wrong_type(name, "an array of strings");
    match find(body, name) {
        None => Ok(None),
        Some(Value::String(names)) => Ok(Some(names.clone())),
        Some(Value::Array(names)) => {
            let names: Option<Vec<_>> = names.iter().map(Value::as_str).collect();
            Ok(Some(names.ok_or_else(wrong)?.join(",")))
        }
        Some(_) => Err(wrong()),
    }
}

fn wrong_type(name: &str, expected: &str) -> Error {
    Error::new(ScimType::InvalidValue, format!("`{name}` must be {expected}."))
}

/// A query that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What it means for each type of resource that is asked for, in the order in which the types are listed.
    pub parts: Vec<Part>,
    /// How the list is ordered by the parts' `sort_by`; `None` if no order is asked for.
    pub order: Option<Order>,
    /// Which page of it.
    pub paging: Paging,
}

/// What a query means for resources of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which of them.
    pub filter: Option<Filter>,
    /// What they are ordered by; `None` also if the type has no such attribute, so that no resource has a value.
    pub sort_by: Option<SortBy>,
    /// What is shown of them.
    pub projection: Projection,
}

/// How the page is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By its place, which is also what is meant when a client does not say (RFC-132).
    Index(Page),
    /// By a cursor (RFC 9865).
    Cursor {
        /// What the last answer gave; empty for the first page.
        cursor: String,
        /// How many resources a page holds at most.
        count: u64,
    },
}

impl Query {
    /// Makes sense of parameters on resources of these types.
    ///
    /// # Errors
    /// `invalidFilter` for the filter; `invalidValue`, or `invalidCount` with a cursor, for the other parameters.
    pub fn new(parameters: &Parameters, types: &[&ResourceType], size: PageSize) -> Result<Self, Error> {
        let sort_by = parameters.sort_by.as_deref().filter(|text| !text.trim().is_empty());
        let parts = types.iter().map(|resource_type| {
            let filter = parameters.filter.as_deref().map(|text| match types {
                [_] => Filter::parse(text, resource_type),
                _ => Filter::parse_mixed(text, resource_type),
            });
            Ok(Part {
                filter: filter.transpose()?.map(|filter| filter.specialised(resource_type)),
                sort_by: sort_by.map(|text| SortBy::parse(text, resource_type)).transpose()?.flatten(),
                projection: Projection::parse(
                    parameters.attributes.as_deref(),
                    parameters.excluded_attributes.as_deref(),
                    resource_type,
                )?,
            })
        });
        let parts: Vec<Part> = parts.collect::<Result<_, Error>>()?;
        if let (Some(text), [part]) = (sort_by, parts.as_slice())
            && part.sort_by.is_none()
        {
            let shown: String = text.chars().take(60).collect();
            let detail = format!("`sortBy` is `{shown}`, which is not an attribute of {}.", types[0].name);
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
        let order = sort_by.map(|_| Order::parse(parameters.sort_order.as_deref())).transpose()?;
        Ok(Self { parts, order, paging: Paging::read(parameters, size)? })
    }

    /// What the query asks for, whatever the page: the same for two requests that ask for the same in different spelling,
    /// as RFC 9865 does in its example.
    pub fn identity(&self) -> String {
        let mut identity = match self.order {
            None => "unsorted".to_owned(),
            Some(Order::Ascending) => "ascending".to_owned(),
            Some(Order::Descending) => "descending".to_owned(),
        };
        for part in &self.parts {
            let sort_by = part.sort_by.as_ref().map(SortBy::name).unwrap_or_default();
            let filter = part.filter.as_ref().map(ToString::to_string).unwrap_or_default();
            identity.extend(["\n", &sort_by, "\n", &filter]);
        }
        identity
    }
}

impl Paging {
    fn read(parameters: &Parameters, size: PageSize) -> Result<Self, Error> {
        let (start_index, count) = (parameters.start_index.as_deref(), parameters.count.as_deref());
        let Some(cursor) = &parameters.cursor else {
            return Ok(Self::Index(Page::parse(start_index, count, size)?));
        };
        if start_index.is_some_and(|text| !text.trim().is_empty()) {
            let detail = "`startIndex` and `cursor` exclude each other; send one of them.";
            return Err(Error::new(ScimType::InvalidValue, detail));
        }
        Ok(Self::Cursor { cursor: cursor.trim().to_owned(), count: size.parse_count(count)? })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::scim::fixture::{group_type, user_type};

    const SIZE: PageSize = PageSize { default: 100, max: 200 };

    fn users(body: Value) -> Result<Query, Error> {
        Query::new(&Parameters::parse(body)?, &[&user_type()], SIZE)
    }

    #[test]
    fn a_body_and_query_parameters_say_the_same_rfc_115_rfc_135() {
        let body = json!({
            "schemas": [urn::SEARCH_REQUEST], "attributes": ["userName", "name.givenName"], "filter": "title pr",
            "sortBy": "title", "sortOrder": "descending", "cursor": "", "count": 10, "startIndex": null, "x": {},
        });
        let parameters = Parameters::read(|name| {
            let known = [
                ("attributes", "userName,name.givenName"),
                ("filter", "title pr"),
                ("sortBy", "title"),
                ("sortOrder", "descending"),
                ("cursor", ""),
                ("count", "10"),
            ];
            known.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
        });
        assert_eq!(Parameters::parse(body), Ok(parameters.clone()));
        let query = Query::new(&parameters, &[&user_type()], SIZE).unwrap();
        assert_eq!(query.paging, Paging::Cursor { cursor: String::new(), count: 10 });
        assert_eq!(query.order, Some(Order::Descending));
    }

    #[rstest]
    #[case::no_schemas(json!({ "count": "5" }))]
    #[case::empty_schemas(json!({ "schemas": [], "COUNT": 5 }))]
    #[case::schema_in_another_case(json!({ "schemas": [urn::SEARCH_REQUEST.to_uppercase()], "count": 5 }))]
    #[case::one_schema(json!({ "schemas": urn::SEARCH_REQUEST, "count": 5, "attributes": "id,title" }))]
    fn a_body_is_read_however_it_is_spelled(#[case] body: Value) {
        assert_eq!(users(body).unwrap().paging, Paging::Index(Page { start_index: 1, count: 5 }));
    }

    #[rstest]
    #[case::no_object(json!([]), ScimType::InvalidSyntax)]
    #[case::another_message(json!({ "schemas": [urn::PATCH_OP] }), ScimType::InvalidSyntax)]
    #[case::filter_of_another_type(json!({ "filter": 5 }), ScimType::InvalidValue)]
    #[case::count_of_another_type(json!({ "count": true }), ScimType::InvalidValue)]
    #[case::fraction(json!({ "count": 1.5 }), ScimType::InvalidValue)]
    #[case::fraction_with_a_cursor_rfc_129(json!({ "count": 1.5, "cursor": "" }), ScimType::InvalidCount)]
    #[case::names_of_another_type(json!({ "attributes": [5] }), ScimType::InvalidValue)]
    #[case::both_projections_rfc_056(json!({ "attributes": ["id"], "excludedAttributes": ["title"] }), ScimType::InvalidValue)]
    #[case::filter_rfc_067(json!({ "filter": "" }), ScimType::InvalidFilter)]
    #[case::undefined_order(json!({ "sortBy": "nothing" }), ScimType::InvalidValue)]
    #[case::direction(json!({ "sortBy": "title", "sortOrder": "up" }), ScimType::InvalidValue)]
    #[case::index_and_cursor_rfc_133(json!({ "startIndex": 1, "cursor": "" }), ScimType::InvalidValue)]
    fn what_makes_no_sense_is_refused(#[case] body: Value, #[case] scim_type: ScimType) {
        assert_eq!(users(body).unwrap_err().scim_type, scim_type);
    }

    #[rstest]
    #[case::none(None, 100)]
    #[case::more_than_allowed_rfc_130(Some("1000"), 200)]
    #[case::negative_rfc_130(Some("-1"), 0)]
    fn a_page_behind_a_cursor_has_its_bounds(#[case] count: Option<&str>, #[case] expected: u64) {
        assert_eq!(SIZE.parse_count(count), Ok(expected));
    }

    #[test]
    fn of_several_types_each_has_its_own_reading_rfc_063_rfc_068() {
        let body = json!({ "filter": "userName pr or displayName pr", "sortBy": "userName" });
        let parameters = Parameters::parse(body).unwrap();
        let query = Query::new(&parameters, &[&user_type(), &group_type()], SIZE).unwrap();
        assert_eq!(query.identity(), "ascending\nuserName\nuserName pr or displayName pr\n\ndisplayName pr");
        assert!(query.parts[1].sort_by.is_none());
    }

    #[test]
    fn the_identity_is_that_of_the_meaning() {
        let identity = |body| users(body).unwrap().identity();
        let one = identity(json!({ "filter": "userName sw J", "count": 5 }));
        assert_eq!(
            one,
            identity(json!({ "filter": "username SW \"J\"", "cursor": "", "attributes": ["id"] }))
        );
        assert_ne!(one, identity(json!({ "filter": "userName sw K" })));
        assert_ne!(one, identity(json!({ "filter": "userName sw J", "sortBy": "title" })));
    }
}
