//! The code `#[policy]` and `#[plugin]` become.
//!
//! In: the attribute's arguments and the item under it. Out: the item unchanged,
//! its `Describe`, and for wasm32 the exports of the policy or plugin world.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemImpl, Result, Type};

use crate::arguments::{Arguments, Claims};
use crate::attribute::{Attribute, PLUGIN, POLICY};

/// Expands one `#[policy(…)]`.
///
/// # Errors
/// When the item is not a plain `impl Policy for Type`, or an argument is refused.
pub(crate) fn policy(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = Arguments::parse(&POLICY, arguments)?;
    let item = implementation(&POLICY, item)?;
    let sdk = quote! { ::warden_sdk };
    let claims = match &arguments.claims {
        Claims::None => quote! { #sdk::ClaimSelection::None },
        Claims::All => quote! { #sdk::ClaimSelection::All },
        Claims::Pointers(pointers) => {
            quote! { #sdk::ClaimSelection::Pointers(&[#(#pointers),*]) }
        }
    };
    let describe = describe(
        &arguments,
        &sdk,
        &quote! { claims: #claims, },
        &item.self_ty,
    );
    let exports = policy_exports(&item.self_ty);
    let schema = arguments.schema.map(|path| {
        quote! {
            #[cfg(target_arch = "wasm32")]
            #sdk::__data_schema!(#path);
        }
    });
    Ok(quote! { #item #describe #exports #schema })
}

/// Expands one `#[plugin(…)]`.
///
/// # Errors
/// When the item is not a plain `impl Plugin for Type`, or an argument is refused.
pub(crate) fn plugin(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = Arguments::parse(&PLUGIN, arguments)?;
    let item = implementation(&PLUGIN, item)?;
    let sdk = quote! { ::warden_plugin };
    let describe = describe(&arguments, &sdk, &TokenStream::new(), &item.self_ty);
    let exports = plugin_exports(&item.self_ty);
    Ok(quote! { #item #describe #exports })
}

/// The item, if it is what the attribute is for.
fn implementation(attribute: &Attribute, item: TokenStream) -> Result<ItemImpl> {
    let Attribute {
        name, implements, ..
    } = attribute;
    let wanted = format!("#[{name}] stands on `impl {implements} for YourType {{ … }}`");
    let item: ItemImpl = syn::parse2(item).map_err(|e| Error::new(e.span(), &wanted))?;
    let is_it = |path: &syn::Path| path.segments.last().is_some_and(|s| s.ident == *implements);
    match &item.trait_ {
        Some((None, path, _)) if is_it(path) => {}
        Some((_, path, _)) => return Err(Error::new_spanned(path, wanted)),
        None => return Err(Error::new_spanned(&item.self_ty, wanted)),
    }
    if !item.generics.params.is_empty() {
        let message =
            format!("a {name} is one concrete type: #[{name}] takes no generic parameters");
        return Err(Error::new_spanned(&item.generics, message));
    }
    Ok(item)
}

/// What the type says about itself, readable in native tests too.
fn describe(
    arguments: &Arguments,
    sdk: &TokenStream,
    more: &TokenStream,
    described: &Type,
) -> TokenStream {
    let Arguments {
        name,
        summary,
        inputs,
        ..
    } = arguments;
    quote! {
        impl #sdk::Describe for #described {
            const DESCRIPTION: #sdk::Description = #sdk::Description {
                name: #name,
                version: ::core::env!("CARGO_PKG_VERSION"),
                summary: #summary,
                #more
                inputs: &[#(#sdk::Input::#inputs),*],
            };
        }
    }
}

/// A policy's exports. They meet in one instance, which the host uses from one thread,
/// so a thread-local holds what was configured.
fn policy_exports(policy: &Type) -> TokenStream {
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::warden_sdk::__private::{Instance, bindings};

            ::std::thread_local! {
                static INSTANCE: Instance<#policy> = const { Instance::new() };
            }

            struct Component;

            impl bindings::Guest for Component {
                fn describe() -> bindings::Description {
                    INSTANCE.with(|instance| instance.describe_wire())
                }

                fn configure(
                    files: ::std::vec::Vec<bindings::File>,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.configure_wire(files))
                }

                fn evaluate(request: bindings::Request) -> bindings::Verdict {
                    INSTANCE.with(|instance| instance.evaluate_wire(request))
                }

                fn labels() -> ::std::vec::Vec<(::std::string::String, ::std::string::String)> {
                    INSTANCE.with(|instance| instance.labels())
                }
            }

            ::warden_sdk::__private::bindings::export_policy!(
                Component with_types_in ::warden_sdk::__private::bindings
            );
        };
    }
}

/// A plugin's exports. All but `describe` meet in one instance, which the host uses
/// from one thread, so a thread-local holds what was initialised.
fn plugin_exports(plugin: &Type) -> TokenStream {
    quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::warden_plugin::__private::{Instance, bindings};

            ::std::thread_local! {
                static INSTANCE: Instance<#plugin> = const { Instance::new() };
            }

            struct Component;

            impl bindings::Guest for Component {
                fn describe() -> bindings::Description {
                    <#plugin as ::warden_plugin::Describe>::DESCRIPTION.into()
                }

                fn initialise(
                    properties: bindings::Properties,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.initialise_wire(properties))
                }

                fn authenticate(
                    credential: bindings::Credential,
                    client: bindings::Client,
                ) -> bindings::Answer {
                    INSTANCE.with(|instance| instance.authenticate_wire(credential, client))
                }

                fn close() {
                    INSTANCE.with(|instance| instance.close())
                }
            }

            ::warden_plugin::__private::bindings::export_plugin!(
                Component with_types_in ::warden_plugin::__private::bindings
            );
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> TokenStream {
        quote! { name = "a", summary = "b" }
    }

    #[test]
    fn the_item_is_kept_and_exports_are_for_wasm_alone() {
        let item = quote! { impl Policy for Mine { fn marker() {} } };
        let policy = policy(arguments(), item).unwrap().to_string();
        let item = quote! { impl Plugin for Mine { fn marker() {} } };
        let plugin = plugin(arguments(), item).unwrap().to_string();
        for text in [policy, plugin] {
            assert!(text.contains("fn marker ()"));
            assert!(text.contains(r#"cfg (target_arch = "wasm32")"#));
            assert!(!text.contains("unsafe"));
        }
    }

    #[test]
    fn a_schema_goes_into_the_component_alone() {
        let item = quote! { impl Policy for Mine {} };
        let with = policy(
            quote! { name = "a", summary = "b", schema = "schema.json" },
            item.clone(),
        );
        let with = with.unwrap().to_string();
        let schema = r#"# [cfg (target_arch = "wasm32")] :: warden_sdk :: __data_schema ! ("schema.json") ;"#;
        assert!(with.ends_with(schema), "{with}");
        let without = policy(arguments(), item).unwrap().to_string();
        assert!(!without.contains("__data_schema"));
    }

    #[test]
    fn each_attribute_names_its_own_sdk_alone() {
        let item = quote! { impl Policy for Mine {} };
        let policy = policy(arguments(), item).unwrap().to_string();
        assert!(policy.contains(":: warden_sdk ::") && !policy.contains("warden_plugin"));
        let item = quote! { impl Plugin for Mine {} };
        let plugin = plugin(arguments(), item).unwrap().to_string();
        assert!(plugin.contains(":: warden_plugin ::") && !plugin.contains("warden_sdk"));
    }

    #[test]
    fn anything_but_the_implementation_of_a_policy_is_refused() {
        for item in [
            quote! { struct Mine; },
            quote! { impl Mine {} },
            quote! { impl Display for Mine {} },
            quote! { impl Plugin for Mine {} },
            quote! { impl !Policy for Mine {} },
        ] {
            let error = policy(arguments(), item).unwrap_err();
            assert!(error.to_string().starts_with("#[policy] stands on"));
        }
        let generic = policy(arguments(), quote! { impl<T> Policy for Mine<T> {} }).unwrap_err();
        assert!(generic.to_string().contains("no generic parameters"));
    }

    #[test]
    fn anything_but_the_implementation_of_a_plugin_is_refused() {
        for item in [quote! { enum Mine {} }, quote! { impl Policy for Mine {} }] {
            let error = plugin(arguments(), item).unwrap_err();
            assert_eq!(
                error.to_string(),
                "#[plugin] stands on `impl Plugin for YourType { … }`"
            );
        }
        let generic = plugin(arguments(), quote! { impl<T> Plugin for Mine<T> {} }).unwrap_err();
        assert!(
            generic
                .to_string()
                .starts_with("a plugin is one concrete type")
        );
    }
}
