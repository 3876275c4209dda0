//! The table of the API's operations: method, address, handler. It is the one source of the routes, of the segments
//! that `address` knows, and of the OpenAPI document's paths.
//!
//! Addresses are as [`super::address::resolve`] leaves them: `/item` is any address of an item, with any version in
//! front; `/share/item` is one reached through `/shares/{id}`.

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::{Resource, Route, web};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::path::HttpMethod;

use super::multipart::is_related_post;
use super::openapi::{self, BearerToken, Documented};
use super::{
    analytics, batch, children, content, copy, create_link, delta, drives, errors, items, multipart,
    permissions, search, shares, uploads, versions,
};

macro_rules! routes {
    (
        $($tag:literal, $about:literal {
            $($method:ident $pattern:literal $(if $guard:path)? => $file:ident::$handler:ident $(as $shown:literal)?;)*
        })*
        undocumented {
            $($other_method:ident $other_pattern:literal => $other_handler:path;)*
        }
    ) => {
        /// Methods and addresses.
        pub const ROUTES: &[(&str, &str)] = &[
            $($((stringify!($method), $pattern),)*)*
            $((stringify!($other_method), $other_pattern),)*
        ];

        /// Adds all of them.
        pub fn routes(api: &mut web::ServiceConfig) {
            api.app_data(web::Data::new(openapi::Rendered::of(&document())));
            let routes = vec![
                $($(($pattern, route(Method::$method, &[$($guard)?]).to($file::$handler)),)*)*
                $(($other_pattern, route(Method::$other_method, &[]).to($other_handler)),)*
            ];
            let heads = [
                $($(head!($method, $pattern, $file::$handler),)*)*
                $(head!($other_method, $other_pattern, $other_handler),)*
            ];
            for resource in resources(routes.into_iter().chain(heads.into_iter().flatten())) {
                api.service(resource);
            }
        }

        /// The OpenAPI document.
        pub fn document() -> Value {
            let operations = pastey::paste! {
                vec![$($(Documented {
                    tag: $tag,
                    method: HttpMethod::[<$method:camel>],
                    pattern: [$($shown,)? $pattern][0],
                    operation: <$file::[<__path_ $handler>] as utoipa::Path>::operation(),
                },)*)*]
            };
            openapi::json(Parts::openapi(), operations)
        }

        /// The document's parts, without its paths.
        #[derive(OpenApi)]
        #[openapi(
            info(title = "Everlink", description = include_str!("openapi.md")),
            servers((url = "/", description = "This server")),
            tags(
                $((name = $tag, description = $about),)*
            ),
            paths($($($file::$handler,)*)*),
            components(schemas(errors::ErrorBody)),
            modifiers(&BearerToken),
            security(("token" = []))
        )]
        struct Parts;
    };
}

/// HEAD wherever GET is: the framework leaves the body out.
macro_rules! head {
    (GET, $pattern:literal, $handler:path) => {
        Some(($pattern, route(Method::HEAD, &[]).to($handler)))
    };
    ($method:ident, $pattern:literal, $handler:path) => {
        None
    };
}

// The router tries addresses in their order: what most requests are for comes first.
routes! {
    "Sharing", "Links that never break: make, list, count and end them. Start here." {
        POST   "/item/createLink"                           => create_link::create_link;
        GET    "/item/permissions"                          => permissions::list_permissions;
        GET    "/item/permissions/{permission_id}"          => permissions::get_permission;
        PATCH  "/item/permissions/{permission_id}"          => permissions::change_permission;
        DELETE "/item/permissions/{permission_id}"          => permissions::revoke_link;
        GET    "/item/analytics"                            => analytics::get_analytics;
        GET    "/item/analytics/allTime"                    => analytics::get_all_time;
        GET    "/item/analytics/lastSevenDays"              => analytics::get_last_seven_days;
    }
    "Shared items", "What somebody with a link can do. Anonymous links need no token." {
        GET    "/share"                                     => shares::get_share;
        GET    "/share/permission"                          => shares::get_shared_permission;
        GET    "/share/item"                                => shares::get_shared_item;
        GET    "/share/item/children"                       => shares::list_shared_children;
        GET    "/share/item/content"                        => shares::download_shared_content;
        PUT    "/share/item/content"                        => shares::upload_shared_content;
        POST   "/share/item/children"                       => shares::create_shared_folder;
    }
    "Drives", "Your drive and you." {
        GET    "/drive"                                     => drives::get_drive;
        GET    "/drives"                                    => drives::list_drives;
        GET    "/me"                                        => drives::get_me;
    }
    "Items", "Files and folders, by id or by path." {
        GET    "/item"                                      => items::get_item;
        PATCH  "/item"                                      => items::update_item;
        DELETE "/item"                                      => items::delete_item;
        GET    "/item/thumbnails"                           => items::list_thumbnails;
        POST   "/item/permanentDelete"                      => items::purge_item;
        POST   "/item/restore"                              => items::restore_item;
        GET    "/item/children"                             => children::list_children;
        POST   "/item/children" if is_related_post          => multipart::create_file;
        POST   "/item/children"                             => children::create_folder;
        GET    "/item/content"                              => content::download_content;
        PUT    "/item/content"                              => content::upload_content;
        GET    "/item/search"                               => search::search_items as "/item/search(q='{text}')";
        GET    "/item/delta"                                => delta::list_changes;
        POST   "/item/copy"                                 => copy::copy_item;
        GET    "/monitor/{copied}"                          => copy::get_copy;
    }
    "Versions", "Earlier contents of a file." {
        GET    "/item/versions"                             => versions::list_versions;
        GET    "/item/versions/{version_id}"                => versions::get_version;
        DELETE "/item/versions/{version_id}"                => versions::delete_version;
        GET    "/item/versions/{version_id}/content"        => versions::download_version;
        POST   "/item/versions/{version_id}/restoreVersion" => versions::restore_version;
    }
    "Upload sessions", "Large files, in ranges." {
        POST   "/item/createUploadSession"                  => uploads::create_upload_session;
        POST   "/share/item/createUploadSession"            => uploads::create_shared_upload_session;
        PUT    "/upload/{secret}"                           => uploads::receive_range;
        GET    "/upload/{secret}"                           => uploads::get_upload_session;
        DELETE "/upload/{secret}"                           => uploads::cancel_upload_session;
    }
    "Batches", "Many requests in one." {
        POST   "/batch"                                     => batch::send_batch;
    }
    undocumented {
        // What the owner does with an item does not depend on how the item is named.
        POST   "/share/item/createLink"                     => create_link::create_link;
        GET    "/share/item/permissions"                    => permissions::list_permissions;
        GET    "/share/item/permissions/{permission_id}"    => permissions::get_permission;
        PATCH  "/share/item/permissions/{permission_id}"    => permissions::change_permission;
        DELETE "/share/item/permissions/{permission_id}"    => permissions::revoke_link;
        // What nobody shares with anybody here, and what nobody has opened.
        GET    "/item/recent"                               => drives::list_nothing;
        GET    "/item/sharedWithMe"                         => drives::list_nothing;
        GET    "/openapi.json"                              => openapi::get_document;
    }
}

/// A guard asks for the method itself, so that the method stands once among those that the address allows.
fn route(method: Method, guard: &[fn(&GuardContext<'_>) -> bool]) -> Route {
    match guard {
        [guard] => web::route().guard(fn_guard(*guard)),
        _ => web::method(method),
    }
}

/// Each address with all its methods, so that others are told which there are.
pub fn resources(routes: impl IntoIterator<Item = (&'static str, Route)>) -> Vec<Resource> {
    let mut resources: Vec<(&str, Resource)> = Vec::new();
    for (pattern, route) in routes {
        match resources.iter().position(|(known, _)| *known == pattern) {
            Some(at) => {
                let (pattern, resource) = resources.remove(at);
                resources.insert(at, (pattern, resource.route(route)));
            }
            None => resources.push((pattern, web::resource(pattern).route(route))),
        }
    }
    resources.into_iter().map(|(_, resource)| resource).collect()
}
