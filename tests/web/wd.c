/* The WebDriver client (see wd.h). */
#include "tests/web/wd.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"

/* How long a script may take: axe-core on a table of 200 rows and 24 columns, on a busy machine. */
enum { SCRIPT_S = 240 };

struct wd {
    CURL *curl;
    pid_t driver;
    unsigned port;
    char session[128];
    char *profile; /* folder of this browser */
};

/* ---- one request ---- */

static size_t take_body(char *data, size_t size, size_t n, void *arg) {
    strbuf_add(arg, data, size * n);
    return size * n;
}

/* POST where there is a body (which is taken), DELETE or GET else. The answer's "value", the
 * caller's. */
static json_t *ask(
    struct wd *wd, const char *method, const char *path, json_t *body, struct err *err) {
    char url[300];
    struct strbuf out = { 0 };
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", wd->port, path);
    curl_easy_reset(wd->curl);
    curl_easy_setopt(wd->curl, CURLOPT_URL, url);
    curl_easy_setopt(wd->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(wd->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(wd->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(wd->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(wd->curl, CURLOPT_WRITEDATA, &out);
    curl_easy_setopt(wd->curl, CURLOPT_TIMEOUT, SCRIPT_S + 30L);
    if (text)
        curl_easy_setopt(wd->curl, CURLOPT_POSTFIELDS, text);
    CURLcode code = curl_easy_perform(wd->curl);
    json_t *answer = code ? NULL : json_parse(strbuf_str(&out), out.len, path, err), *value = NULL;
    if (code)
        err_set(err, ERR_NETWORK, "could not ask the browser for %s: %s", path,
            curl_easy_strerror(code));
    value = json_incref(json_object_get(answer, "value"));
    if (json_object_get(value, "error")) {
        err_set(err, ERR_FAILED, "%s: %.400s", path, json_get_string(value, "message", "failed"));
        json_decref(value);
        value = NULL;
    }
    json_decref(answer);
    json_decref(body);
    free(text);
    curl_slist_free_all(headers);
    strbuf_release(&out);
    return value;
}

static json_t *ask_session(struct wd *wd, const char *path, json_t *body, struct err *err) {
    char full[256];
    snprintf(full, sizeof full, "/session/%s%s", wd->session, path);
    return ask(wd, body ? "POST" : "GET", full, body, err);
}

static bool told(json_t *value) {
    json_decref(value);
    return value != NULL;
}

/* ---- starting and ending ---- */

static unsigned free_port(void) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t n = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = s >= 0 && bind(s, (struct sockaddr *)&a, n) == 0 &&
              getsockname(s, (struct sockaddr *)&a, &n) == 0;
    if (s >= 0)
        close(s);
    return ok ? ntohs(a.sin_port) : 0;
}

static bool start_driver(struct wd *wd, const char *program, struct err *err) {
    char port[32];
    wd->port = free_port();
    snprintf(port, sizeof port, "--port=%u", wd->port);
    wd->driver = fork();
    if (wd->driver < 0)
        return err_errno(err, ERR_NODE, "could not start '%s'", program);
    if (wd->driver == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0);
        dup2(nowhere, 0);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execl(program, program, port, "--log-level=OFF", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 100; i++) {
        struct err ignored = ERR_INIT;
        if (told(ask(wd, "GET", "/status", NULL, &ignored)))
            return true;
        nanosleep(&(struct timespec) { .tv_nsec = 100000000 }, NULL);
    }
    return err_set(err, ERR_FAILED, "'%s' does not answer", program);
}

static bool start_session(struct wd *wd, struct err *err) {
    char profile[300];
    snprintf(profile, sizeof profile, "--user-data-dir=%s", wd->profile);
    json_t *body = json_pack("{s:{s:{s:{s:i}, s:{s:s}, s:{s:[s,s,s,s,s,s,s,s]}}}}", "capabilities",
        "alwaysMatch", "timeouts", "script", SCRIPT_S * 1000, "goog:loggingPrefs", "browser", "ALL",
        "goog:chromeOptions", "args", "--headless=new", "--no-sandbox", "--disable-gpu",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb",
        "--font-render-hinting=none", profile);
    json_t *value = ask(wd, "POST", "/session", body, err);
    snprintf(wd->session, sizeof wd->session, "%s", json_get_string(value, "sessionId", ""));
    return told(value);
}

struct wd *wd_open(struct err *err) {
    char *browser = proc_find("chromium", NULL), *driver = proc_find("chromedriver", NULL);
    struct wd *wd = NULL;
    if (!browser || !driver) {
        err_set(err, ERR_NOT_FOUND, "chromium and chromedriver are not installed");
    } else {
        const char *tmp = getenv("TMPDIR");
        wd = xcalloc(1, sizeof *wd);
        wd->curl = curl_easy_init();
        wd->profile = path_join(tmp && *tmp ? tmp : "/tmp", "assay-web-XXXXXX");
        bool ok = mkdtemp(wd->profile) && start_driver(wd, driver, err) && start_session(wd, err);
        if (!ok) {
            wd_close(wd);
            wd = NULL;
        }
    }
    free(browser);
    free(driver);
    return wd;
}

void wd_close(struct wd *wd) {
    struct err ignored = ERR_INIT;
    char path[160];
    if (!wd)
        return;
    if (*wd->session) {
        snprintf(path, sizeof path, "/session/%s", wd->session);
        (void)!told(ask(wd, "DELETE", path, NULL, &ignored));
    }
    if (wd->driver > 0) {
        kill(-wd->driver, SIGKILL);
        waitpid(wd->driver, NULL, 0);
    }
    (void)!dir_remove(wd->profile, &ignored);
    curl_easy_cleanup(wd->curl);
    free(wd->profile);
    free(wd);
}

/* ---- commands ---- */

bool wd_go(struct wd *wd, const char *url, struct err *err) {
    return told(ask_session(wd, "/url", json_pack("{s:s}", "url", url), err));
}

bool wd_script(struct wd *wd, const char *body, json_t **result, struct err *err) {
    json_t *value =
        ask_session(wd, "/execute/sync", json_pack("{s:s, s:[]}", "script", body, "args"), err);
    if (result)
        *result = json_incref(value);
    return told(value);
}

bool wd_devtools(struct wd *wd, const char *command, json_t *params, struct err *err) {
    return told(ask_session(
        wd, "/goog/cdp/execute", json_pack("{s:s, s:o}", "cmd", command, "params", params), err));
}

json_t *wd_console(struct wd *wd, struct err *err) {
    return ask_session(wd, "/se/log", json_pack("{s:s}", "type", "browser"), err);
}

bool wd_screenshot(struct wd *wd, const char *path, struct err *err) {
    json_t *shot = ask_session(wd, "/goog/cdp/execute",
        json_pack("{s:s, s:{s:s, s:b}}", "cmd", "Page.captureScreenshot", "params", "format", "png",
            "captureBeyondViewport", 1),
        err);
    const char *data = json_get_string(shot, "data", NULL);
    bool ok = data != NULL;
    if (ok) {
        size_t n;
        uint8_t *png = base64_decode(data, &n);
        ok = png ? file_write_atomic(path, png, n, err)
                 : err_set(err, ERR_INPUT, "the browser's picture is no base64");
        free(png);
    }
    json_decref(shot);
    return ok;
}
