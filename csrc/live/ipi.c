/* Interrupts that vCPUs send each other in real time. The guest leaves by a command, its thread
 * puts a letter into the other vCPU's mail and ends that one's KVM_RUN; the other thread, which
 * alone touches its engine, lets it arrive and posts the MSI. */
#define _GNU_SOURCE
#include "live/spell.h"

#if PS_LIVE

#include <errno.h>
#include <stdlib.h>

enum { LETTERS_AT_FIRST = 16 };

void ps_live_vcpu_init(struct ps_live_vcpu *live)
{
    pthread_mutex_init(&live->mail.lock, NULL);
}

int ps_live_talk(struct ps_live_vcpu *live, struct ps_live_vcpu *const *vcpus,
                 const struct ps_live_sender *senders, unsigned n_senders)
{
    const size_t n = (size_t)live->n_planes * n_senders;
    live->to_send = calloc(n ? n : 1, sizeof *live->to_send);
    if (!live->to_send)
        return PS_LIVE_FAILED;
    live->vcpus = vcpus;
    live->senders = senders;
    live->n_senders = n_senders;
    return 0;
}

void ps_live_vcpu_close(struct ps_live_vcpu *live)
{
    ps_live_timer_close(&live->timer);
    free(live->mail.letters);
    free(live->to_send);
    live->mail.letters = live->to_send = NULL;
    live->mail.n = live->mail.room = live->n_senders = 0;
}

/* Draw whether one is sent, and to whom, as the simulation does. */
static void draw_letter(const struct spell *s, unsigned plane, const struct ps_live_sender *sender)
{
    const struct ps_source *source = &s->engine->sources[sender->source];
    const struct ps_draws *draws = s->engine->config.workload->draws;
    struct ps_stream *stream = ps_streams(s->engine, 0) + sender->source;
    struct ps_live_plane *its = &s->live->planes[plane];
    const double chance = draws->unit(stream);
    struct ps_live_letter letter = {0, stream->service_ns, 0, sender->source};
    letter.to = sender->targets[draws->choose(stream, sender->n_targets)];
    source->draw(source, stream);
    if (chance < sender->chance)
        s->live->to_send[plane * s->live->n_senders + its->n_to_send++] = letter;
}

void ps_live_note_ended(const struct spell *s, unsigned plane)
{
    struct ps_engine *engine = s->engine;
    while (engine->ended.head != PS_NIL) {
        const uint32_t index = ps_queue_pop(&engine->pool, &engine->ended);
        const uint32_t origin = engine->pool.nodes[index].source;
        ps_pool_give(&engine->pool, index);
        for (unsigned i = 0; i < s->live->n_senders; i++)
            if (s->live->senders[i].origin == origin)
                draw_letter(s, plane, &s->live->senders[i]);
    }
}

/* Put a letter into a vCPU's mail: whether there was room. */
static int put_letter(struct ps_live_mail *mail, struct ps_live_letter letter)
{
    int put = 1;
    pthread_mutex_lock(&mail->lock);
    if (mail->n == mail->room) {
        const unsigned room = mail->room ? 2 * mail->room : (unsigned)LETTERS_AT_FIRST;
        struct ps_live_letter *letters = realloc(mail->letters, room * sizeof *letters);
        put = letters != NULL;
        mail->letters = put ? letters : mail->letters;
        mail->room = put ? room : mail->room;
    }
    if (put) {
        mail->letters[mail->n] = letter;
        __atomic_store_n(&mail->n, mail->n + 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&mail->lock);
    return put;
}

int ps_live_send(const struct spell *s, unsigned plane)
{
    struct ps_live_vcpu *live = s->live;
    struct ps_live_plane *its = &live->planes[plane];
    struct ps_live_letter *first = &live->to_send[plane * live->n_senders];
    struct ps_live_letter letter = first[0];
    struct ps_live_vcpu *to = live->vcpus[letter.to];
    memmove(first, first + 1, --its->n_to_send * sizeof *first);
    letter.sent_ns = ps_live_now_ns();
    if (!put_letter(&to->mail, letter))
        return ps_machine_fail(live->machine, "memory", ENOMEM, 0);
    ps_live_timer_kick(&to->timer);
    return 0;
}

/* As a job that arrives when it was sent, by the clock of this vCPU. */
static void take_letter(const struct spell *s, const struct ps_live_letter *letter)
{
    struct ps_engine *engine = s->engine;
    const int64_t at_ns = letter->sent_ns - s->origin_ns;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = at_ns > 0 ? at_ns : 0;
    node->left_ns = node->service_ns = letter->service_ns;
    node->source = letter->source;
    node->plane = engine->sources[letter->source].plane;
    node->kind = PS_JOB_IPI;
    ps_input_insert(engine, 0, index);
}

int ps_live_receive(const struct spell *s)
{
    struct ps_live_mail *mail = &s->live->mail;
    struct ps_pool *pool = &s->engine->pool;
    int failed = 0;
    if (!__atomic_load_n(&mail->n, __ATOMIC_ACQUIRE))
        return 0;
    pthread_mutex_lock(&mail->lock);
    for (unsigned i = 0; i < mail->n && !failed; i++) {
        failed = ps_pool_empty(pool) && ps_pool_reserve(pool, 1);
        if (!failed)
            take_letter(s, &mail->letters[i]);
    }
    __atomic_store_n(&mail->n, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&mail->lock);
    return failed ? ps_machine_fail(s->live->machine, "memory", ENOMEM, 0) : 0;
}

#endif
