//! `[require]`: predicates on claims, all of which must hold.
//!
//! In come a claim's place and the values accepted there; out comes yes or no. A
//! claim that is absent, or of another type, does not hold.

use serde_json::Value;

use super::selector::Selector;

/// One claim and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Predicate {
    selector: Selector,
    accepted: Vec<Value>,
}

impl Predicate {
    /// From a key of `[require]` and its value: a string, number, boolean, or a
    /// list of such of which any one suffices.
    ///
    /// # Errors
    /// Words for the operator.
    pub(crate) fn parse(key: &str, value: toml::Value) -> Result<Self, String> {
        let selector = Selector::parse(key)?;
        let values = match value {
            toml::Value::Array(list) => list,
            one => vec![one],
        };
        if values.is_empty() || values.len() > 1000 {
            return Err("takes 1 to 1000 values".to_owned());
        }
        let accepted = values.into_iter().map(scalar).collect::<Result<_, _>>()?;
        Ok(Self { selector, accepted })
    }

    /// Whether it holds: the claim is one of the accepted values, or a list that
    /// contains one.
    pub(crate) fn holds(&self, claims: &Value) -> bool {
        match self.selector.find(claims) {
            Some(Value::Array(items)) => items.iter().any(|item| self.accepted.contains(item)),
            Some(value) => self.accepted.contains(value),
            None => false,
        }
    }

    /// The claim's place, as configured.
    pub(crate) fn claim(&self) -> &str {
        self.selector.as_str()
    }
}

fn scalar(value: toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::String(text) => Ok(Value::String(text)),
        toml::Value::Boolean(yes) => Ok(Value::Bool(yes)),
        toml::Value::Integer(number) => Ok(Value::Number(number.into())),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| "takes no infinite number".to_owned()),
        toml::Value::Table(_) => Err(
            "must be a value or a list; write a name with dots in quotes, a path as a JSON Pointer"
                .to_owned(),
        ),
        toml::Value::Array(_) | toml::Value::Datetime(_) => {
            Err("must be a string, number or boolean, or a list of them".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(key: &str, value: impl Into<toml::Value>, claims: &Value) -> bool {
        Predicate::parse(key, value.into()).unwrap().holds(claims)
    }

    #[test]
    fn a_predicate_compares_exactly_and_by_type() {
        let claims =
            json!({ "a": "x", "n": 5, "b": true, "null": null, "deep": { "r": ["p", "q"] } });
        assert!(holds("a", "x", &claims));
        assert!(holds("n", 5, &claims));
        assert!(holds("b", true, &claims));
        assert!(holds("a", vec!["y", "x"], &claims));
        assert!(holds("/deep/r", "q", &claims));
        assert!(holds("/deep/r", vec!["z", "p"], &claims));
        for (key, value) in [
            ("a", "X"),
            ("a", "x "),
            ("n", "5"),
            ("b", "true"),
            ("null", ""),
            ("none", "x"),
            ("deep", "r"),
        ] {
            assert!(!holds(key, value, &claims), "{key}");
        }
        assert!(!holds("a", true, &claims));
        assert!(!holds("/deep/r", "z", &claims));
    }

    #[test]
    fn a_table_or_an_empty_list_is_an_error() {
        for text in [
            "x = {}",
            "x = []",
            "x = [[1]]",
            "x = 2026-01-01",
            "x = inf",
            "x = { y = 1 }",
        ] {
            let mut table: toml::Table = toml::from_str(text).unwrap();
            assert!(
                Predicate::parse("x", table.remove("x").unwrap()).is_err(),
                "{text}"
            );
        }
    }
}
