//! What the framework does when there is nothing to do: the measure that `scripts/bench` holds the
//! service against. With the service's allocator.
//!
//! `bare ADDRESS WORKERS BYTES` answers every request with so many bytes of JSON.

use actix_web::{App, HttpResponse, HttpServer, web};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, workers, bytes] = arguments.as_slice() else {
        return Err(std::io::Error::other("usage: bare ADDRESS WORKERS BYTES"));
    };
    let number = |text: &String| text.parse::<usize>().map_err(std::io::Error::other);
    let body = bytes::Bytes::from(format!("{:>width$}", "{}", width = number(bytes)?));
    HttpServer::new(move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(body) }
        };
        App::new().default_service(web::to(answer))
    })
    .workers(number(workers)?)
    .bind(address)?
    .run()
    .await
}
