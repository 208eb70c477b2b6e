//! Pages: `page` counts from 1, `per_page` is 30 when it is not given and 200 at most.

use serde_json::{Value, json};

use super::extract::Query;

const DEFAULT_SIZE: usize = 30;
const MAXIMUM_SIZE: usize = 200;

/// Which page of a list is wanted.
pub(super) struct Page {
    number: usize,
    size: usize,
}

impl Page {
    /// The page that the query asks for. More than 200 is not an error: it is 200.
    pub(super) fn of(query: &Query) -> Self {
        Self {
            number: query.count("page").unwrap_or(1),
            size: query.count("per_page").unwrap_or(DEFAULT_SIZE).min(MAXIMUM_SIZE),
        }
    }

    /// `{name: […], "pagination": {…}}` with this page of `records`.
    pub(super) fn envelope<T>(&self, name: &str, records: Vec<T>, render: impl FnMut(&T) -> Value) -> Value {
        let skipped = (self.number - 1).saturating_mul(self.size);
        let page: Vec<Value> = records.iter().skip(skipped).take(self.size).map(render).collect();
        json!({
            name: page,
            "pagination": {
                "total_records": records.len(),
                "total_pages": records.len().div_ceil(self.size),
                "current_page": self.number,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::default_size("1", None, 450, 30, (450, 15, 1))]
    #[case::largest_size("1", Some("200"), 450, 200, (450, 3, 1))]
    #[case::more_is_clamped("3", Some("500"), 450, 50, (450, 3, 3))]
    #[case::past_the_end("9", Some("200"), 450, 0, (450, 3, 9))]
    #[case::empty_list("1", None, 0, 0, (0, 0, 1))]
    #[case::senseless_values("0", Some("-3"), 31, 30, (31, 2, 1))]
    #[case::huge_page("18446744073709551615", None, 31, 0, (31, 2, usize::MAX))]
    fn pages_are_cut_as_documented(
        #[case] page: &str,
        #[case] per_page: Option<&str>,
        #[case] records: usize,
        #[case] shown: usize,
        #[case] (total, pages, current): (usize, usize, usize),
    ) {
        let mut pairs = vec![("page".to_owned(), page.to_owned())];
        pairs.extend(per_page.map(|size| ("per_page".to_owned(), size.to_owned())));
        let page = Page::of(&Query::from(pairs)).envelope("users", (0..records).collect(), |n| json!(n));
        assert_eq!(page["users"].as_array().unwrap().len(), shown);
        let pagination = json!({"total_records": total, "total_pages": pages, "current_page": current});
        assert_eq!(page["pagination"], pagination);
    }
}
