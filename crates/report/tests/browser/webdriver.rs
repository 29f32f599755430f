//! A client of WebDriver (W3C), as much of it as the stories need.

use std::path::Path;

use serde_json::{Value, json};

/// A browser with one page.
pub(crate) struct Browser {
    agent: ureq::Agent,
    session: String,
}

/// As chromedriver is told to start Chromium.
const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1440,900",
];

impl Browser {
    /// A new one, of the chromedriver at `url`.
    pub(crate) fn start(url: &str) -> Self {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": ARGUMENTS},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = post(&agent, &format!("{url}/session"), &wanted);
        let id = answer["sessionId"].as_str().unwrap().to_owned();
        Self {
            agent,
            session: format!("{url}/session/{id}"),
        }
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        post(&self.agent, &format!("{}/{command}", self.session), body)
    }

    /// Opens a file, and waits until the page shows it.
    pub(crate) fn open(&self, path: &Path, fragment: &str) {
        let url = format!("file://{}{fragment}", path.display());
        self.post("url", &json!({"url": "about:blank"}));
        self.post("url", &json!({ "url": url }));
        self.wait_for("!document.getElementById('panes').hidden");
        self.settle();
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// What an expression is.
    pub(crate) fn get(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"))
    }

    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.get(expression);
        value
            .as_str()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
            .to_owned()
    }

    pub(crate) fn number(&self, expression: &str) -> f64 {
        let value = self.get(expression);
        value
            .as_f64()
            .unwrap_or_else(|| panic!("{expression}: {value}"))
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&self, expression: &str) {
        const TRIES: u32 = 600;
        for _ in 0..TRIES {
            if self.get(expression) == true {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let said = self.text("document.body.textContent");
        panic!(
            "never true: {expression}\n{said:.2000}\n{:?}",
            self.complaints()
        );
    }

    /// Waits until two frames were drawn.
    pub(crate) fn settle(&self) {
        let script = "const done = arguments[0]; \
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))";
        self.post("execute/async", &json!({"script": script, "args": []}));
    }

    /// Scrolls the tree that is shown from end to end, a piece in each of 120 frames;
    /// how long each took, in milliseconds, ascending.
    pub(crate) fn frames(&self) -> Vec<f64> {
        let script = "const done = arguments[0]; \
            const tree = document.querySelector('.tree:not([hidden] *)'); \
            const frames = []; \
            let frame = 0, last = performance.now(); \
            const step = () => { \
                const now = performance.now(); \
                frames.push(now - last); \
                last = now; \
                tree.scrollTop = (tree.scrollHeight * frame) / 120; \
                if (frame++ < 120) requestAnimationFrame(step); else done(frames); \
            }; \
            requestAnimationFrame(step)";
        let frames = self.post("execute/async", &json!({"script": script, "args": []}));
        let frames = frames.as_array().unwrap().iter();
        let mut frames: Vec<f64> = frames.map(|frame| frame.as_f64().unwrap()).collect();
        frames.sort_by(f64::total_cmp);
        frames
    }

    /// Presses keys one after the other: characters, or their code points in
    /// WebDriver (see [`key`]).
    pub(crate) fn press(&self, keys: &str) {
        let actions: Vec<Value> = (keys.chars())
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|what| json!({"type": what, "value": key.to_string()}))
            })
            .collect();
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.post("actions", &body);
        self.settle();
    }

    /// Clicks on the first element of a selector.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.post(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        let id = found
            .as_object()
            .and_then(|one| one.values().next())
            .unwrap();
        self.post(
            &format!("element/{}/click", id.as_str().unwrap()),
            &json!({}),
        );
        self.settle();
    }

    /// Whether the page is to be dark.
    pub(crate) fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let body = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.post("goog/cdp/execute", &body);
        self.settle();
    }

    /// What the console complains of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("se/log", &json!({"type": "browser"}));
        (entries.as_array().into_iter().flatten())
            .filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Writes a picture of the page.
    pub(crate) fn picture(&self, path: &Path) {
        let answer = self
            .agent
            .get(format!("{}/screenshot", self.session))
            .call();
        let mut answer = answer.unwrap();
        let answer: Value = answer
            .body_mut()
            .with_config()
            .limit(64 << 20)
            .read_json()
            .unwrap();
        use base64::Engine as _;
        let picture = base64::engine::general_purpose::STANDARD
            .decode(answer["value"].as_str().unwrap())
            .unwrap();
        std::fs::write(path, picture).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn post(agent: &ureq::Agent, url: &str, body: &Value) -> Value {
    let mut answer = agent.post(url).send_json(body).unwrap();
    let answer: Value = (answer.body_mut().with_config().limit(64 << 20))
        .read_json()
        .unwrap();
    let value = &answer["value"];
    assert!(value["error"].is_null(), "{url} {body}: {value}");
    value.clone()
}

/// Keys that are no characters.
pub(crate) mod key {
    pub(crate) const ENTER: char = '\u{e007}';
    pub(crate) const ESCAPE: char = '\u{e00c}';
    pub(crate) const END: char = '\u{e010}';
    pub(crate) const HOME: char = '\u{e011}';
    pub(crate) const LEFT: char = '\u{e012}';
    pub(crate) const UP: char = '\u{e013}';
    pub(crate) const RIGHT: char = '\u{e014}';
    pub(crate) const DOWN: char = '\u{e015}';
}
