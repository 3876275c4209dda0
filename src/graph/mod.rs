//! Microsoft's API over HTTP. Holds no rule: a handler reads what it is asked, calls one operation and
//! shows what it gave.

pub mod address;
mod batch;
mod body;
pub mod errors;
mod items;
mod links;
pub mod list;
mod multipart;
pub mod openapi;
mod query;
mod shares;
pub mod site;
mod uploads;
pub mod wire;

use actix_web::guard::fn_guard;
use actix_web::web;

/// Every URL of the API. Paths are as [`address::resolve`] leaves them: `/item` is any address of
/// an item, with any version in front; `/share/item` is one reached through `/shares/{id}`.
pub fn routes(api: &mut web::ServiceConfig) {
    api.app_data(web::Data::new(openapi::Rendered::once()))
        .service(web::resource("/item/createLink").post(links::create))
        .service(web::resource("/item/permissions").get(links::permissions))
        .service(
            web::resource("/item/permissions/{permission}")
                .get(links::permission)
                .patch(links::change)
                .delete(links::revoke),
        )
        .service(web::resource("/share").get(shares::get))
        .service(web::resource("/share/permission").get(shares::permission))
        .service(web::resource("/share/item").get(shares::item))
        .service(web::resource("/openapi.json").get(openapi::document))
        .service(web::resource("/drive").get(items::get_drive))
        .service(web::resource("/drives").get(items::list_drives))
        .service(web::resource("/batch").post(batch::batch))
        .service(web::resource("/item").get(items::get).patch(items::update).delete(items::delete))
        .service(
            web::resource("/item/children")
                .get(items::children)
                .route(web::route().guard(fn_guard(multipart::is_related_post)).to(multipart::create_file))
                .post(items::create_folder),
        )
        .service(web::resource("/item/content").get(items::download).put(items::upload))
        .service(web::resource("/item/copy").post(items::copy))
        .service(web::resource("/monitor/{copied}").get(items::monitor))
        .service(web::resource("/item/search").get(items::search))
        .service(web::resource("/item/delta").get(items::delta))
        .service(web::resource("/item/permanentDelete").post(items::purge))
        .service(web::resource("/item/restore").post(items::restore))
        .service(web::resource("/item/versions").get(items::versions))
        .service(web::resource("/item/versions/{version}").delete(items::delete_version))
        .service(web::resource("/item/versions/{version}/content").get(items::version_content))
        .service(web::resource("/item/versions/{version}/restoreVersion").post(items::restore_version))
        .service(web::resource("/item/createUploadSession").post(uploads::create))
        .service(
            web::resource("/upload/{secret}")
                .put(uploads::put_range)
                .get(uploads::status)
                .delete(uploads::cancel),
        )
        .service(web::resource("/share/item/children").get(shares::children))
        .service(web::resource("/share/item/content").get(shares::download).put(shares::upload))
        .service(web::resource("/share/item/createUploadSession").post(uploads::create_by_link))
        // What the owner does with an item does not depend on how the item is named.
        .service(web::resource("/share/item/createLink").post(links::create))
        .service(web::resource("/share/item/permissions").get(links::permissions))
        .service(
            web::resource("/share/item/permissions/{permission}")
                .get(links::permission)
                .patch(links::change)
                .delete(links::revoke),
        );
}
