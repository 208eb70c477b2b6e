//! A resource as JSON text.

use serde_json::Value;

/// A resource as an answer holds it: JSON text that is ready to be sent. It is made of stored text where that is possible,
/// and becomes a tree only where somebody asks about its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(String);

impl Document {
    /// Text that is a JSON object.
    pub(super) fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The tree.
    ///
    /// # Errors
    /// When the text is no JSON, which means that the database holds what this program never wrote.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl From<&Value> for Document {
    fn from(resource: &Value) -> Self {
        Self(resource.to_string())
    }
}
