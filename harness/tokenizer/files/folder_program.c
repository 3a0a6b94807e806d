/* Tokenizer classes that are programs of their own: they cut words by dictionaries, clean texts by
 * rules of their language, or count ids in a way that no tokenizer.json says. Their vocabularies
 * are in files that look like anybody's, so without this they would be taken for BERT's or GPT-2's.
 */
#include "harness/tokenizer/files/folder.h"

#include <string.h>

#include "base/file.h"

/* Where one of them has a tokenizer.json, somebody has made one that does the same. */
static const char PROGRAMS[] =
    " BartphoTokenizer BertGenerationTokenizer BertJapaneseTokenizer BertweetTokenizer"
    " BioGptTokenizer BlenderbotSmallTokenizer ByT5Tokenizer CanineTokenizer ClvpTokenizer"
    " CpmAntTokenizer CpmTokenizer CTRLTokenizer DiaTokenizer EsmTokenizer"
    " FastSpeech2ConformerTokenizer FlaubertTokenizer FNetTokenizer FSMTTokenizer "
    "GPTNeoXJapaneseTokenizer"
    " GPTSw3Tokenizer JukeboxTokenizer LasrTokenizer LayoutXLMTokenizer LukeTokenizer"
    " M2M100Tokenizer MarianTokenizer MBart50Tokenizer MBartTokenizer MgpstrTokenizer"
    " MLukeTokenizer MyT5Tokenizer NllbTokenizer NougatTokenizer ParakeetTokenizer"
    " PerceiverTokenizer PhobertTokenizer PLBartTokenizer Pop2PianoTokenizer ProphetNetTokenizer"
    " RoCBertTokenizer RoFormerTokenizer SeamlessM4TTokenizer SiglipTokenizer"
    " Speech2TextTokenizer SpeechT5Tokenizer TapasTokenizer UdopTokenizer VitsTokenizer"
    " Wav2Vec2CTCTokenizer Wav2Vec2PhonemeCTCTokenizer WhisperTokenizer XGLMTokenizer "
    "XLMTokenizer ";

/* Its tokenizer.json leaves the cutting of Chinese to a library. */
static const char ALWAYS[] = " RoFormerTokenizer ";

static bool lists(const char *names, const char *name, size_t n) {
    const char *at = n ? memmem(names, strlen(names), name, n) : NULL;
    return at && at[-1] == ' ' && at[n] == ' ';
}

bool folder_class_check(const struct folder *f, struct err *err) {
    size_t n;
    const char *name = folder_class_name(f, &n);
    char *path = path_join(f->path, "tokenizer.json");
    bool refused = lists(file_exists(path) ? ALWAYS : PROGRAMS, name, n);
    free(path);
    return !refused || err_set(err, ERR_UNSUPPORTED, "tokenizer class '%.*s' is not supported%s",
                           (int)n, name, lists(ALWAYS, name, n) ? "" : " without a tokenizer.json");
}
