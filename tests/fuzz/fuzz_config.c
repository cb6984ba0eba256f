/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration: they load or are refused with a bounded list of printable lines;
 * what loads prints as something that loads again. */
#include "base/assert.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *environment(void *user, const char *name)
{
    (void)user;
    return strlen(name) % 2 == 0 ? "value: [1" : NULL;
}

static void check_errors(const struct tr_config_errors *errors)
{
    struct tr_buf out = {0};
    size_t i;
    TR_ASSERT(errors->count > 0 && errors->count <= TR_CONFIG_ERRORS_MAX);
    tr_config_errors_print(errors, &out);
    TR_ASSERT(tr_bytes_utf8(tr_buf_bytes(&out)));
    for (i = 0; i < out.len; i++) {
        TR_ASSERT((unsigned char)out.ptr[i] >= 0x20 || out.ptr[i] == '\n');
    }
    tr_buf_deinit(&out);
}

static struct tr_config *load(struct tr_bytes text)
{
    const struct tr_config_options options = {.getenv = environment, .cpus = 2};
    const struct tr_config_source source = {"fuzz", text};
    struct tr_config_errors errors = {0};
    struct tr_config *config = NULL;
    enum tr_status status = tr_config_parse(&source, 1, &options, &config, &errors);
    TR_ASSERT((status == TR_OK) == (config != NULL));
    if (status == TR_ECONFIG) {
        check_errors(&errors);
    }
    tr_config_errors_deinit(&errors);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tr_config *config = load((struct tr_bytes){(const char *)data, size});
    if (config != NULL) {
        struct tr_buf printed = {0};
        struct tr_config *again;
        tr_config_print(config, &printed);
        again = load(tr_buf_bytes(&printed));
        TR_ASSERT(again != NULL && again->consumer_count == config->consumer_count);
        tr_config_free(again);
        tr_buf_deinit(&printed);
    }
    tr_config_free(config);
    return 0;
}
