/* posthorn doctor: what is wrong with a receiver, seen from here and, of a webhook, as Posthorn sees it. */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "core/address.h"
#include "core/signature.h"
#include "doctor_webhook.h"
#include "io/certificate.h"
#include "io/url.h"
#include "ping.h"
#include "report.h"
#include "rows.h"
#include "secret.h"
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECRET_ROOM ((size_t)256 << 10) /* a file is read in large pieces */
#define DAY_MS      ((int64_t)86400000)
#define SOON_DAYS   14
#define OLD_MS      ((int64_t)3600000)
#define MORE_PINGS  3

struct doctor {
    struct findings *out;
    struct url url;
    const struct profile *profile;
    struct str secret, wrong; /* of the receiver, and another of its kind; n == 0: not known */
    struct pinger *pinger;
    const char *ca_file;
    int64_t timeout_ms;
    struct sockaddr_storage addresses[PING_ADDRESSES_MAX];
    size_t count;
    bool out_of_reach;
};

static void PRINTF_LIKE(4, 5)
    say(struct doctor *d, enum finding_level level, const char *about, const char *format, ...)
{
    char text[640];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    findings_add(d->out, level, str_of(about), "%s", text);
}

/* --- the name and its addresses --------------------------------------------------------------- */

static const struct {
    const char *networks, *what;
} kinds[] = {
    {"127.0.0.0/8,::1/128", "a loopback address: the machine that Posthorn itself runs on"},
    {"10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7", "a private address"},
    {"169.254.0.0/16,fe80::/10", "a link-local address, where clouds have their metadata"},
    {"100.64.0.0/10", "an address behind a carrier's NAT"},
};

static const char *kind_of(const struct sockaddr *address)
{
    struct networks networks;
    struct str bad;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (networks_parse(str_of(kinds[i].networks), &networks, &bad) == 0 &&
            networks_contain(&networks, address))
            return kinds[i].what;
    return "not a public address";
}

static void judge_address(struct doctor *d, const struct networks *opened,
                          const struct sockaddr_storage *address)
{
    char text[ADDRESS_TEXT_SIZE];

    address_text(text, address);
    if (address_allowed(opened, (const struct sockaddr *)address)) {
        say(d, FINDING_OK, "address", "%s may be sent to", text);
        return;
    }
    say(d, FINDING_WARN, "address", "%s is %s: Posthorn sends nothing there unless told to", text,
        kind_of((const struct sockaddr *)address));
    findings_advise(d->out,
                    "if it is meant, the operator opens it: POSTHORN_ALLOW_NETWORKS=%s/%d; else "
                    "give a public address",
                    text, address->ss_family == AF_INET ? 32 : 128);
}

static bool look_up(struct doctor *d)
{
    const char *given = getenv("POSTHORN_ALLOW_NETWORKS");
    struct networks opened;
    struct str bad;
    int err = 0;

    d->count = 1;
    d->addresses[0] = d->url.address;
    if (!d->url.literal)
        err = pinger_resolve(d->pinger, d->url.host, d->timeout_ms, d->addresses, &d->count);
    if (err < 0 || d->count == 0) {
        say(d, FINDING_FAIL, "dns", "%s %s", d->url.host,
            err == ERR_NOT_FOUND ? "has no address"
                                 : "cannot be looked up: the DNS servers do not answer");
        findings_advise(d->out, "correct the name in the URL, or its A and AAAA records");
        d->out_of_reach = true;
        return false;
    }
    if (!d->url.literal)
        say(d, FINDING_OK, "dns", "%s has %zu address%s", d->url.host, d->count,
            d->count == 1 ? "" : "es");
    if (networks_parse(str_of(given != NULL ? given : ""), &opened, &bad) < 0)
        opened = (struct networks){0};
    for (size_t i = 0; i < d->count; i++)
        judge_address(d, &opened, &d->addresses[i]);
    return true;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static void judge_expiry(struct doctor *d, const struct certificate_look *look)
{
    int64_t now_ms = clock_wall_ms(), days = (look->not_after_ms - now_ms) / DAY_MS;
    char text[CLOCK_TEXT_SIZE];

    clock_text(text, look->not_after_ms, CLOCK_SECONDS);
    if (look->not_after_ms < now_ms) {
        say(d, FINDING_FAIL, "certificate", "expired %" PRId64 " days ago, at %s", -days, text);
        findings_advise(d->out, "renew it, and see why it was not renewed by itself");
    } else if (look->not_before_ms > now_ms) {
        say(d, FINDING_FAIL, "certificate", "is not valid yet");
        findings_advise(d->out, "set the clock right of the machine that made it, or of this one");
    } else {
        say(d, days < SOON_DAYS ? FINDING_WARN : FINDING_OK, "certificate",
            "expires in %" PRId64 " days, at %s", days, text);
        if (days < SOON_DAYS)
            findings_advise(d->out, "renew it before that: deliveries fail from then on");
    }
}

static void judge_chain(struct doctor *d, const struct certificate_look *look)
{
    bool only_old =
        strstr(look->fault, "expired") != NULL || strstr(look->fault, "not yet") != NULL;

    if (look->fault[0] == '\0') {
        say(d, FINDING_OK, "chain", "leads to a certificate that is trusted here");
    } else if (look->self_signed) {
        say(d, FINDING_FAIL, "chain", "the certificate is self-signed: nobody vouches for it");
        findings_advise(
            d->out,
            "get one from an authority (Let's Encrypt, say), or give its PEM as the webhook's tls.ca");
    } else if (look->unknown_issuer) {
        say(d, FINDING_FAIL, "chain",
            "its issuer, %s, is not known here; the server sent %d certificate%s", look->issuer,
            look->count, look->count == 1 ? "" : "s");
        findings_advise(
            d->out, "%s",
            look->count == 1
                ? "the intermediate certificate is missing, it seems: let the server send the "
                  "full chain; or, of an authority of your own, give it as the webhook's tls.ca"
                : "of an authority of your own, give its certificate as the webhook's tls.ca");
    } else if (!only_old) {
        say(d, FINDING_FAIL, "chain", "%s", look->fault);
        findings_advise(d->out, "correct the certificates that the server sends");
    }
}

static bool judge_tls(struct doctor *d, const struct sockaddr_storage *address)
{
    struct certificate_look look;
    char text[ADDRESS_TEXT_SIZE];

    certificate_look(address, d->url.port, d->url.host, d->ca_file, (int)d->timeout_ms, &look);
    address_text(text, address);
    if (!look.connected) {
        say(d, FINDING_FAIL, "connect", "%s port %u: %s", text, d->url.port, look.error);
        findings_advise(
            d->out,
            "start the receiver, or let its firewall pass the port; if the address is old, correct DNS");
        return false;
    }
    if (!look.shaken) {
        say(d, FINDING_FAIL, "tls", "%s: %s", text, look.error);
        findings_advise(d->out,
                        "the port may speak plain HTTP, or only versions of TLS before 1.2");
        return false;
    }
    say(d, FINDING_OK, "tls", "%s: %s", text, look.protocol);
    judge_chain(d, &look);
    judge_expiry(d, &look);
    if (!look.names_host) {
        say(d, FINDING_FAIL, "certificate", "is for %s and does not name %s", look.subject,
            d->url.host);
        findings_advise(
            d->out,
            "get one with the host in its subjectAltName, or use the host's right name in the URL");
    }
    return true;
}

static void judge_connections(struct doctor *d)
{
    if (!d->url.tls) {
        say(d, FINDING_WARN, "tls", "the URL is http: everybody on the way reads what is sent");
        findings_advise(d->out, "use https");
        return;
    }
    for (size_t i = 0; i < d->count; i++)
        judge_tls(d, &d->addresses[i]);
}

/* --- pings ------------------------------------------------------------------------------------ */

/* What a status means for who sends a signed request. */
static const struct {
    int status;
    const char *means, *advice;
} answers[] = {
    {400, "it does not understand the request",
     "see what the receiver logs; it may want another profile's form"},
    {401, "it refuses the signature, or wants credentials",
     "keep a request as it comes and ask `posthorn verify`; credentials go into the webhook's auth"},
    {403, "it refuses the signature, or something before it (a firewall) does",
     "keep a request as it comes and ask `posthorn verify`"},
    {404, "there is nothing at this path",
     "correct the URL's path, or the proxy's that stands before the receiver"},
    {405, "it takes no POST at this path",
     "let the receiver, or the proxy before it, take POST here"},
    {410, "it says that it is gone for good: Posthorn disables the webhook", "correct the URL"},
    {413, "the body is too large for it",
     "raise the limit of the receiver and of the proxy before it"},
    {415, "it does not take application/json", "let it take application/json"},
    {429, "it has had too many requests", "raise its limit, or set the webhook's rate_limit"},
};

static bool is_success(const struct pong *pong)
{
    return pong->outcome == FETCH_ANSWERED && pong->status / 100 == 2;
}

static bool is_refusal(const struct pong *pong)
{
    return pong->outcome == FETCH_ANSWERED && pong->status / 100 == 4;
}

static void explain_refusal(struct doctor *d, const struct pong *pong)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].status == pong->status) {
            say(d, FINDING_FAIL, "signed ping", "answered with %d: %s", pong->status,
                answers[i].means);
            findings_advise(d->out, "%s", answers[i].advice);
            return;
        }
    say(d, FINDING_FAIL, "signed ping", "answered with %d", pong->status);
    findings_advise(d->out, pong->status / 100 == 5
                                ? "the receiver, or the proxy before it, fails: see its log"
                                : "only 2xx is a success: see what the receiver logs");
}

static void explain_silence(struct doctor *d, const struct pong *pong)
{
    say(d, FINDING_FAIL, "signed ping", "%s", pong->error);
    findings_advise(
        d->out, "%s",
        pong->outcome == FETCH_TIMED_OUT
            ? "answer first and work afterwards; the webhook's timeout_ms can be up to 30 s"
        : pong->outcome == FETCH_CONNECTION_LOST
            ? "the receiver ends while it handles the request: see its log"
        : pong->outcome == FETCH_TLS_FAILED ? "see what is said of TLS above"
                                            : "is the receiver running, and on this port?");
    d->out_of_reach = d->out_of_reach || pong->outcome != FETCH_TLS_FAILED;
}

/* True if the receiver takes signed requests. */
static bool judge_signed(struct doctor *d, const struct pong *pong)
{
    if (is_success(pong))
        say(d, FINDING_OK, "signed ping", "answered with %d", pong->status);
    else if (pong->outcome != FETCH_ANSWERED)
        explain_silence(d, pong);
    else if (pong->status / 100 == 3) {
        say(d, FINDING_FAIL, "redirect", "answered with %d to %s", pong->status,
            pong->location[0] != '\0' ? pong->location : "nowhere");
        findings_advise(
            d->out, "Posthorn follows no redirects: make that the webhook's URL, if it is right");
    } else {
        explain_refusal(d, pong);
    }
    return is_success(pong);
}

static void judge_wrong(struct doctor *d, const struct pong *pong, bool known)
{
    if (is_success(pong)) {
        say(d, FINDING_FAIL, "wrong signature",
            "answered with %d: this receiver does not check signatures", pong->status);
        findings_advise(
            d->out,
            "check them, and answer 401 to what does not fit: else anybody can send it events");
    } else if (is_refusal(pong)) {
        say(d, FINDING_OK, "wrong signature", "refused with %d", pong->status);
    } else if (pong->outcome != FETCH_ANSWERED) {
        if (known)
            say(d, FINDING_WARN, "wrong signature", "%s", pong->error);
        else
            explain_silence(d, pong);
    } else if (pong->status / 100 == 3) {
        judge_signed(d, pong);
    } else {
        say(d, FINDING_WARN, "wrong signature", "answered with %d, and should with 401",
            pong->status);
        findings_advise(d->out, "an error in the check, it seems: see the receiver's log");
    }
}

static bool ping(struct doctor *d, struct str secret, int64_t now_ms, struct pong *pong)
{
    const struct ping what = {d->profile, d->url.text, secret, now_ms, d->timeout_ms};

    if (pinger_ping(d->pinger, &what, pong))
        return true;
    say(d, FINDING_FAIL, "signed ping", "the profile %s cannot make a test with this secret",
        d->profile->name);
    return false;
}

static bool signs_time(const struct doctor *d)
{
    return d->profile->signs != NULL && strstr(d->profile->signs, "timestamp") != NULL &&
           (secret_is_standard(d->secret) || secret_is_private_key(d->secret));
}

static void judge_old(struct doctor *d)
{
    struct pong pong;

    if (!signs_time(d) || !ping(d, d->secret, clock_wall_ms() - OLD_MS, &pong))
        return;
    if (is_refusal(&pong)) {
        say(d, FINDING_OK, "old timestamp", "refused with %d", pong.status);
    } else if (is_success(&pong)) {
        say(d, FINDING_WARN, "old timestamp",
            "answered with %d: what is replayed after an hour is taken", pong.status);
        findings_advise(d->out, "refuse what is more than 5 minutes old by webhook-timestamp");
    }
}

static void judge_latency(struct doctor *d, const struct pong *first)
{
    struct pong pong;
    int64_t worst_us = first->total_us;
    bool kept = false;

    for (int i = 0; i < MORE_PINGS; i++) {
        if (!ping(d, d->secret, clock_wall_ms(), &pong) || !is_success(&pong))
            return;
        worst_us = pong.total_us > worst_us ? pong.total_us : worst_us;
        kept = kept || pong.connect_us == 0;
    }
    bool slow = worst_us > d->timeout_ms * 500;
    say(d, slow ? FINDING_WARN : FINDING_OK, "latency",
        "the slowest of %d took %.1f ms, of the %lld ms that there are (first: connect %.1f ms, TLS %.1f ms, answer %.1f ms)",
        MORE_PINGS + 1, (double)worst_us / 1000, (long long)d->timeout_ms,
        (double)first->connect_us / 1000, (double)first->tls_us / 1000,
        (double)first->first_byte_us / 1000);
    if (slow)
        findings_advise(d->out, "answer first and work afterwards");
    say(d, kept ? FINDING_OK : FINDING_WARN, "keep-alive", "connections are %s",
        kept ? "used again" : "closed after each request");
    if (!kept)
        findings_advise(
            d->out,
            "let the receiver keep connections open: each request costs a handshake otherwise");
}

static void judge_pings(struct doctor *d)
{
    struct pong first, wrong;
    bool known = d->secret.n > 0;

    if (known && (!ping(d, d->secret, clock_wall_ms(), &first) || !judge_signed(d, &first)))
        return;
    if (d->profile->signs == NULL && !profile_sends_secret(d->profile, &d->profile->standard))
        return;
    if (!ping(d, d->wrong, clock_wall_ms(), &wrong))
        return;
    judge_wrong(d, &wrong, known);
    if (!known) {
        say(d, FINDING_WARN, "signed ping", "was not sent: there is no secret to sign with");
        findings_advise(d->out,
                        "give the webhook's: --secret-file FILE, --secret, or POSTHORN_SECRET");
        return;
    }
    judge_old(d);
    judge_latency(d, &first);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int examine(struct doctor *d, const struct cli *cli)
{
    struct buf wrong;

    buf_init(&wrong, SECRET_ROOM);
    secret_generate(&wrong, d->secret.n > 0 ? secret_prefix_of(d->secret) : SECRET_PREFIX);
    d->wrong = buf_str(&wrong);
    d->pinger = pinger_open(d->ca_file);
    if (look_up(d)) {
        judge_connections(d);
        judge_pings(d);
    }
    pinger_close(d->pinger);
    crypto_forget(&wrong);
    int status = report_print(cli, d->out);
    return d->out_of_reach ? STATUS_OUT_OF_REACH : status;
}

static bool is_url(const char *text)
{
    return strstr(text, "://") != NULL;
}

/* What it is asked about: the URL, or the webhook's. */
static int find_target(struct doctor *d, const struct cli *cli, struct buf *url)
{
    const char *target = cli->arguments[0], *why;

    if (is_url(target))
        buf_add_text(url, target);
    else {
        int status = doctor_webhook(cli, target, d->out, url);
        if (status != STATUS_DONE)
            return status;
    }
    if (url_parse(buf_str(url), &d->url, &why) == 0)
        return STATUS_DONE;
    show_error("the URL %s", why);
    return STATUS_USAGE;
}

static int run_with(struct doctor *d, struct cli *cli)
{
    struct buf url;

    buf_init(&url, URL_SIZE_MAX);
    int status = find_target(d, cli, &url);
    bool hidden = memmem(url.p, url.n, "***", 3) != NULL;
    if (status == STATUS_DONE)
        status = !is_url(cli->arguments[0]) && (hidden || d->secret.n == 0)
                     ? report_print(cli, d->out)
                     : examine(d, cli);
    buf_fini(&url);
    return status;
}

static int run(struct cli *cli)
{
    static struct findings findings;
    static struct doctor doctor;
    const char *profile = cli_flag(cli, "form"), *ca_file = getenv("POSTHORN_CA_FILE");
    struct buf secret;
    int64_t seconds;

    doctor = (struct doctor){.out = &findings,
                             .profile = profile_find(str_of(profile != NULL ? profile : "default")),
                             .ca_file = ca_file != NULL && ca_file[0] != '\0' ? ca_file : NULL};
    if (doctor.profile == NULL) {
        show_error(
            "there is no profile of deliveries %s: default, standard-webhooks, marzban, remnawave, authon, …",
            profile);
        return STATUS_USAGE;
    }
    if (!cli_number(cli, "timeout", 1, 3600, 10, &seconds))
        return STATUS_USAGE;
    doctor.timeout_ms = seconds * 1000;
    buf_init(&secret, SECRET_ROOM);
    int status = secret_read(&secret, cli) ? STATUS_DONE : STATUS_USAGE;
    doctor.secret = buf_str(&secret);
    const char *wrong = secret.n > 0 ? doctor.profile->secret_check(doctor.secret) : NULL;
    if (wrong != NULL) {
        show_error("the secret %s", wrong);
        status = STATUS_USAGE;
    }
    if (status == STATUS_DONE)
        status = run_with(&doctor, cli);
    crypto_forget(&secret);
    return status;
}

static const struct flag flags[] = {
    SECRET_FLAGS,
    {"form", "PROFILE", "the delivery profile of the webhook that is pinged (default)", FLAG_TEXT,
     FLAG_OWN},
};

static const struct command rows[] = {
    {.name = "doctor",
     .arguments = "URL|WEBHOOK",
     .summary = "Says what is wrong with a receiver, and what to do",
     .details =
         "From this machine it looks at the name, the addresses, TLS and its certificate, and\n"
         "sends test events: one that is signed as it should be, which must get a 2xx, one that is\n"
         "not, which must be refused, an old one, and a few more for the time they take. Of a\n"
         "webhook, by its id or uid, it has the service send a test first. It ends with 3 when\n"
         "there is no way to the receiver. --timeout is that of each request (10 s, as a webhook's).\n",
     .example = "posthorn doctor https://example.com/hook --secret-file secret",
     FLAGS(flags),
     .run = run,
     .offline = true},
};

const struct commands doctor_commands = {rows, ARRAY_LEN(rows)};
