//! The code `#[policy]` becomes.
//!
//! In: the attribute's arguments and the item under it. Out: the item unchanged,
//! its `Describe`, and for wasm32 the exports of the policy world.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ItemImpl, Result, Type};

use crate::arguments::{Arguments, Claims};

/// Expands one `#[policy(…)]`.
///
/// # Errors
/// When the item is not a plain `impl Policy for Type`, or an argument is refused.
pub(crate) fn policy(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments: Arguments = syn::parse2(arguments)?;
    let item = implementation(item)?;
    let describe = describe(&arguments, &item.self_ty);
    let exports = exports(&item.self_ty);
    Ok(quote! { #item #describe #exports })
}

/// The item, if it is what the attribute is for.
fn implementation(item: TokenStream) -> Result<ItemImpl> {
    const WANTED: &str = "#[policy] stands on `impl Policy for YourType { … }`";
    let item: ItemImpl = syn::parse2(item).map_err(|e| Error::new(e.span(), WANTED))?;
    let is_policy = |path: &syn::Path| path.segments.last().is_some_and(|s| s.ident == "Policy");
    match &item.trait_ {
        Some((None, path, _)) if is_policy(path) => {}
        Some((_, path, _)) => return Err(Error::new_spanned(path, WANTED)),
        None => return Err(Error::new_spanned(&item.self_ty, WANTED)),
    }
    if !item.generics.params.is_empty() {
        let message = "a policy is one concrete type: #[policy] takes no generic parameters";
        return Err(Error::new_spanned(&item.generics, message));
    }
    Ok(item)
}

/// What the policy says about itself, readable in native tests too.
fn describe(arguments: &Arguments, policy: &Type) -> TokenStream {
    let Arguments {
        name,
        summary,
        claims,
        inputs,
    } = arguments;
    let claims = match claims {
        Claims::None => quote! { ::warden_sdk::ClaimSelection::None },
        Claims::All => quote! { ::warden_sdk::ClaimSelection::All },
        Claims::Pointers(pointers) => {
            quote! { ::warden_sdk::ClaimSelection::Pointers(&[#(#pointers),*]) }
        }
    };
    quote! {
        impl ::warden_sdk::Describe for #policy {
            const DESCRIPTION: ::warden_sdk::Description = ::warden_sdk::Description {
                name: #name,
                version: ::core::env!("CARGO_PKG_VERSION"),
                summary: #summary,
                claims: #claims,
                inputs: &[#(::warden_sdk::Input::#inputs),*],
            };
        }
    }
}

/// The component's exports. `configure` and `evaluate` meet in one instance, which
/// the host uses from one thread, so a thread-local holds what was configured.
fn exports(policy: &Type) -> TokenStream {
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
                    <#policy as ::warden_sdk::Describe>::DESCRIPTION.into()
                }

                fn configure(
                    files: ::std::vec::Vec<bindings::File>,
                ) -> ::core::result::Result<(), ::std::string::String> {
                    INSTANCE.with(|instance| instance.configure_wire(files))
                }

                fn evaluate(request: bindings::Request) -> bindings::Verdict {
                    INSTANCE.with(|instance| instance.evaluate_wire(request))
                }
            }

            ::warden_sdk::__private::bindings::export_policy!(
                Component with_types_in ::warden_sdk::__private::bindings
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
        let text = policy(arguments(), item).unwrap().to_string();
        assert!(text.contains("fn marker ()"));
        assert!(text.contains(r#"cfg (target_arch = "wasm32")"#));
        assert!(!text.contains("unsafe"));
    }

    #[test]
    fn anything_but_the_implementation_of_a_policy_is_refused() {
        for item in [
            quote! { struct Mine; },
            quote! { impl Mine {} },
            quote! { impl Display for Mine {} },
            quote! { impl !Policy for Mine {} },
        ] {
            let error = policy(arguments(), item).unwrap_err();
            assert!(error.to_string().starts_with("#[policy] stands on"));
        }
        let generic = policy(arguments(), quote! { impl<T> Policy for Mine<T> {} }).unwrap_err();
        assert!(generic.to_string().contains("no generic parameters"));
    }
}
