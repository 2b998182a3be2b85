//! Valkey's own users keep working as the operator decided.

use warden_tests::{ADMIN_PASSWORD, Claims, Line, Scene, on_both_lines};

on_both_lines!(
    a_native_user_logs_in_beside_tokens,
    the_default_user_logs_in_with_one_argument,
    a_native_password_of_the_shape_of_a_token_needs_native_users,
    fallback_deny_refuses_native_users,
    native_users_pass_fallback_deny,
    a_name_of_native_users_never_becomes_a_principal,
);

fn a_native_user_logs_in_beside_tokens(line: Line) {
    let scene = Scene::start(line);
    scene
        .server
        .admin()
        .run("ACL SETUSER app on >secret ~app:* +@read +@write +acl|whoami")
        .expect_ok();
    let mut app = scene.server.connect();
    app.auth("app", "wrong").expect_error("WRONGPASS");
    app.auth("app", "secret").expect_ok();
    app.run("ACL WHOAMI").expect_text("app");
    app.run("SET app:1 x").expect_ok();
    app.run("SET reports:q1 x").expect_error("NOPERM");
    app.hello_auth(3, "app", "secret")
        .field("proto")
        .expect_text("3");
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn the_default_user_logs_in_with_one_argument(line: Line) {
    let scene = Scene::start(line);
    let mut client = scene.server.connect();
    client.auth_alone("wrong").expect_error("WRONGPASS");
    client.auth_alone(ADMIN_PASSWORD).expect_ok();
    client.run("ACL WHOAMI").expect_text("default");
}

fn a_native_password_of_the_shape_of_a_token_needs_native_users(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["native_users", "app"])
        .start();
    let shaped = scene.issuer.token(&Claims::of("app"));
    let mut admin = scene.server.admin();
    admin
        .call([
            "ACL",
            "SETUSER",
            "app",
            "on",
            &format!(">{shaped}"),
            "+@all",
        ])
        .expect_ok();
    scene.server.connect().auth("app", &shaped).expect_ok();
}

fn fallback_deny_refuses_native_users(line: Line) {
    let scene = Scene::builder(line).without_module().start();
    // The admin's own log-in has to survive: it is connected before the module is loaded.
    let mut admin = scene.server.admin();
    admin.run("ACL SETUSER app on >secret +@all").expect_ok();
    let mut command = vec!["MODULE".to_owned(), "LOAD".to_owned()];
    command.push(warden_tests::parts::module().display().to_string());
    command.extend(scene.load_arguments());
    command.extend(["fallback".to_owned(), "deny".to_owned()]);
    admin.call(&command).expect_ok();
    scene.expect_refused("app", "secret", "WRONGPASS");
    scene
        .server
        .connect()
        .auth_alone(ADMIN_PASSWORD)
        .expect_error("WRONGPASS");
    warden_tests::eventually("policies are in force", || {
        scene.attempt(&Claims::of("alice")).is_ok().then_some(())
    });
    admin.run("PING").expect_text("PONG");
}

fn native_users_pass_fallback_deny(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["fallback", "deny", "native_users", "default root"])
        .start();
    let mut admin = scene.server.admin();
    admin.run("ACL SETUSER root on >secret +@all").expect_ok();
    admin.run("ACL SETUSER app on >secret +@all").expect_ok();
    scene.server.connect().auth("root", "secret").expect_ok();
    scene.expect_refused("root", "wrong", "WRONGPASS");
    scene.expect_refused("app", "secret", "WRONGPASS");
    scene.expect_refused("rootx", "secret", "WRONGPASS");
    scene.attempt(&Claims::of("alice")).expect_ok();
}

fn a_name_of_native_users_never_becomes_a_principal(line: Line) {
    let scene = Scene::builder(line)
        .module_args(["native_users", "alice"])
        .start();
    scene.expect_refused("alice", &scene.token("alice"), "WRONGPASS");
    scene
        .server
        .connect()
        .auth("token", &scene.token("alice"))
        .expect_ok();
}
