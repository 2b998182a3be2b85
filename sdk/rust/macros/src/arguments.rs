//! What stands between the parentheses of `#[policy(…)]` and `#[plugin(…)]`.
//!
//! In: tokens. Out: [`Arguments`], checked. A word that is not known, given twice
//! or of the wrong shape is an error that names what is accepted.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Result, Token, bracketed, parenthesized};

use crate::attribute::Attribute;

/// The checked arguments.
pub(crate) struct Arguments {
    pub(crate) name: LitStr,
    pub(crate) summary: LitStr,
    pub(crate) claims: Claims,
    /// Variants of the SDK's `Input`, in the order given, without doubles.
    pub(crate) inputs: Vec<Ident>,
    /// The file that holds the schema of its data, relative to the crate.
    pub(crate) schema: Option<LitStr>,
}

/// Which claims the policy reads; a plugin reads none.
pub(crate) enum Claims {
    None,
    Pointers(Vec<LitStr>),
    All,
}

impl Arguments {
    /// Reads the arguments of one attribute.
    ///
    /// # Errors
    /// At the first word that is wrong, or when one is missing.
    pub(crate) fn parse(attribute: &Attribute, tokens: TokenStream) -> Result<Self> {
        let parser = |input: ParseStream<'_>| Self::read(attribute, input);
        parser.parse2(tokens)
    }

    fn read(attribute: &Attribute, input: ParseStream<'_>) -> Result<Self> {
        let Attribute {
            name: of, takes, ..
        } = attribute;
        let (mut name, mut summary, mut claims, mut inputs) = (None, None, None, None);
        let mut schema = None;
        while !input.is_empty() {
            let word: Ident = input
                .parse()
                .map_err(|e| Error::new(e.span(), format!("#[{of}] takes {takes}")))?;
            match word.to_string().as_str() {
                "name" => once(&mut name, &word, parse_name(of, input)?)?,
                "summary" => once(&mut summary, &word, parse_summary(input)?)?,
                "claims" => match attribute.no_claims {
                    None => once(&mut claims, &word, parse_claims(input)?)?,
                    Some(why) => return Err(Error::new(word.span(), why)),
                },
                "inputs" => once(&mut inputs, &word, parse_inputs(attribute.inputs, input)?)?,
                "schema" => match attribute.no_schema {
                    None => once(&mut schema, &word, parse_schema(input)?)?,
                    Some(why) => return Err(Error::new(word.span(), why)),
                },
                other => {
                    let message = format!("unknown argument `{other}`: #[{of}] takes {takes}");
                    return Err(Error::new(word.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what: &str| {
            let message = format!("#[{of}] needs `{what} = \"…\"`");
            Error::new(Span::call_site(), message)
        };
        Ok(Self {
            name: name.ok_or_else(|| missing("name"))?,
            summary: summary.ok_or_else(|| missing("summary"))?,
            claims: claims.unwrap_or(Claims::None),
            inputs: inputs.unwrap_or_default(),
            schema,
        })
    }
}

/// Keeps the first value of an argument and refuses a second.
fn once<T>(slot: &mut Option<T>, word: &Ident, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::new(word.span(), format!("`{word}` is given twice")));
    }
    Ok(())
}

fn parse_name(of: &str, input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    let name: LitStr = input.parse()?;
    let value = name.value();
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if value.is_empty() || value.len() > 64 || !value.bytes().all(allowed) {
        let message = format!("a {of}'s name takes 1 to 64 characters of a-z, 0-9, '-' and '_'");
        return Err(Error::new(name.span(), message));
    }
    Ok(name)
}

fn parse_summary(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    let summary: LitStr = input.parse()?;
    let value = summary.value();
    if value.trim().is_empty() || value.len() > 200 || value.chars().any(char::is_control) {
        return Err(Error::new(
            summary.span(),
            "a summary is one line of 1 to 200 bytes",
        ));
    }
    Ok(summary)
}

fn parse_claims(input: ParseStream<'_>) -> Result<Claims> {
    input.parse::<Token![=]>()?;
    if input.peek(Ident) {
        let word: Ident = input.parse()?;
        if word == "all" {
            return Ok(Claims::All);
        }
        let message = "`claims` takes a list of JSON Pointers, or the word `all`";
        return Err(Error::new(word.span(), message));
    }
    let list;
    bracketed!(list in input);
    let pointers = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
    let mut kept: Vec<LitStr> = Vec::new();
    for pointer in pointers {
        check_pointer(&pointer)?;
        if kept.iter().any(|k| k.value() == pointer.value()) {
            return Err(Error::new(pointer.span(), "this claim is named twice"));
        }
        kept.push(pointer);
    }
    Ok(if kept.is_empty() {
        Claims::None
    } else {
        Claims::Pointers(kept)
    })
}

/// RFC 6901: every step begins with `/`, and `~` stands only in `~0` and `~1`.
fn check_pointer(pointer: &LitStr) -> Result<()> {
    let value = pointer.value();
    let refuse = |message: &str| Err(Error::new(pointer.span(), message));
    if value.is_empty() {
        return refuse("the empty pointer is every claim: write `claims = all`");
    }
    if !value.starts_with('/') {
        return refuse("a JSON Pointer begins with '/', for example \"/department\"");
    }
    if value
        .split('~')
        .skip(1)
        .any(|rest| !rest.starts_with(['0', '1']))
    {
        return refuse("in a JSON Pointer '~' is written ~0 and '/' inside a name ~1");
    }
    Ok(())
}

fn parse_inputs(inputs: &[(&str, &str)], input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let list;
    parenthesized!(list in input);
    let words = Punctuated::<Ident, Token![,]>::parse_terminated(&list)?;
    let mut variants: Vec<Ident> = Vec::new();
    for word in words {
        let Some((_, variant)) = inputs.iter().find(|(known, _)| word == known) else {
            let known: Vec<&str> = inputs.iter().map(|(known, _)| *known).collect();
            let known = known.join(", ");
            return Err(Error::new(
                word.span(),
                format!("unknown input `{word}`: one of {known}"),
            ));
        };
        if variants.iter().any(|v| v == variant) {
            return Err(Error::new(word.span(), format!("`{word}` is given twice")));
        }
        variants.push(Ident::new(variant, word.span()));
    }
    Ok(variants)
}

/// A path below the crate: what it leads to is read by the compiler, not here.
fn parse_schema(input: ParseStream<'_>) -> Result<LitStr> {
    input.parse::<Token![=]>()?;
    let path: LitStr = input.parse()?;
    let value = path.value();
    if value.is_empty() || value.starts_with('/') {
        let message = "`schema` is the path of a JSON Schema, relative to the crate's Cargo.toml: \
                       \"schema.json\"";
        return Err(Error::new(path.span(), message));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{PLUGIN, POLICY};

    fn parse(attribute: &Attribute, text: &str) -> Result<Arguments> {
        Arguments::parse(attribute, text.parse().unwrap())
    }

    fn policy(text: &str) -> Arguments {
        parse(&POLICY, text).ok().unwrap()
    }

    fn error(text: &str) -> String {
        parse(&POLICY, text).err().unwrap().to_string()
    }

    fn plugin_error(text: &str) -> String {
        parse(&PLUGIN, text).err().unwrap().to_string()
    }

    #[test]
    fn everything_that_may_be_said_is_read() {
        let text = r#"name = "hours", summary = "By day.", claims = ["/a", "/b~1c"], inputs(clock, client_address), schema = "schema.json","#;
        let arguments = policy(text);
        assert_eq!(arguments.name.value(), "hours");
        let Claims::Pointers(pointers) = arguments.claims else {
            panic!("pointers")
        };
        assert_eq!(pointers.len(), 2);
        assert_eq!(arguments.inputs.len(), 2);
        assert_eq!(arguments.inputs[0], "Clock");
        assert_eq!(arguments.schema.unwrap().value(), "schema.json");
    }

    #[test]
    fn nothing_is_read_that_was_not_named() {
        let arguments = policy(r#"name = "a", summary = "b""#);
        assert!(matches!(arguments.claims, Claims::None));
        assert!(arguments.inputs.is_empty() && arguments.schema.is_none());
        let arguments = policy(r#"name = "a", summary = "b", claims = all"#);
        assert!(matches!(arguments.claims, Claims::All));
    }

    #[test]
    fn an_error_says_what_is_accepted() {
        assert_eq!(error(""), "#[policy] needs `name = \"…\"`");
        assert!(error(r#"name = "a""#).contains("needs `summary"));
        assert!(
            error(r#"name = "a", nam = "b""#)
                .starts_with("unknown argument `nam`: #[policy] takes `name")
        );
        assert!(error(r#"name = "a", name = "b""#).contains("given twice"));
        assert!(error(r#"name = "A b""#).contains("a-z"));
        assert!(error(r#"summary = " ""#).contains("one line"));
        assert!(error(r#""rbac""#).starts_with("#[policy] takes"));
        assert!(error("inputs(time)").contains("one of client_address"));
        assert!(error("inputs(clock, clock)").contains("given twice"));
        assert!(error(r#"schema = "/etc/schema.json""#).contains("relative to the crate"));
        assert!(error(r#"schema = """#).contains("relative to the crate"));
    }

    #[test]
    fn a_pointer_that_could_never_match_is_an_error() {
        assert!(error(r#"claims = ["department"]"#).contains("begins with '/'"));
        assert!(error(r#"claims = ["/a~2"]"#).contains("~0"));
        assert!(error(r#"claims = [""]"#).contains("claims = all"));
        assert!(error(r#"claims = ["/a", "/a"]"#).contains("twice"));
        assert!(error("claims = some").contains("the word `all`"));
    }

    #[test]
    fn a_plugin_says_what_it_reads_of_the_connection() {
        let text = r#"name = "keys", summary = "By key.", inputs(client_tls, client_certificate)"#;
        let arguments = parse(&PLUGIN, text).ok().unwrap();
        assert_eq!(arguments.inputs.len(), 2);
        assert_eq!(arguments.inputs[1], "ClientCertificate");
        assert!(matches!(arguments.claims, Claims::None));
    }

    #[test]
    fn a_plugin_is_told_neither_claims_nor_the_time() {
        assert!(plugin_error("claims = all").contains("`Principal::with_claim`"));
        assert!(plugin_error(r#"schema = "a""#).contains("no data files"));
        assert_eq!(
            plugin_error("inputs(clock)"),
            "unknown input `clock`: one of client_address, client_tls, client_certificate"
        );
        assert_eq!(plugin_error(""), "#[plugin] needs `name = \"…\"`");
        assert!(plugin_error(r#"name = "A""#).starts_with("a plugin's name"));
        assert!(!plugin_error("nam = 1").contains("claims"));
    }
}
