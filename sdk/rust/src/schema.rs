//! The schema of a policy's data, put into its component.
//!
//! In: the path of a file of the policy's crate. Out: the custom section of
//! `sdk/wit/policy.wit`. The code around it is the policy's own; no part of it is read
//! when the policy runs.

/// The most a schema may hold, as the host reads it.
#[doc(hidden)]
pub const MAX_BYTES: usize = 256 << 10;

/// For the code `#[policy]` writes. Not part of the SDK's promise.
///
/// A macro of this crate, as the exports are one: what it writes into a section is no
/// unsafe code of the policy's, which may forbid that.
#[doc(hidden)]
#[macro_export]
macro_rules! __data_schema {
    ($path:literal) => {
        const _: () = {
            const SCHEMA: &[u8] = ::core::include_bytes!(::core::concat!(
                ::core::env!("CARGO_MANIFEST_DIR"),
                "/",
                $path
            ));
            ::core::assert!(
                SCHEMA.len() <= $crate::__private::MAX_SCHEMA_BYTES,
                "the schema of a policy's data holds 256 KiB at most"
            );

            #[unsafe(link_section = "warden:data-schema")]
            static _SECTION: [u8; SCHEMA.len()] = *::core::include_bytes!(::core::concat!(
                ::core::env!("CARGO_MANIFEST_DIR"),
                "/",
                $path
            ));
        };
    };
}
