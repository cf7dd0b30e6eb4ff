// What one chat message costs: parse, build, serialise, copy.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include "xmpp/element.h"
#include "xmpp/namespaces.h"
#include "xmpp/stream_parser.h"

namespace rookery::xmpp {
namespace {

constexpr std::string_view kMessage =
    "<message to='juliet@capulet.example' type='chat' id='9c1f2c0e-7b1d-4a7e'><body>O Romeo, Romeo! Wherefore art thou "
    "Romeo? Deny thy father</body><active xmlns='http://jabber.org/protocol/chatstates'/><request "
    "xmlns='urn:xmpp:receipts'/>"
    "<origin-id xmlns='urn:xmpp:sid:0' id='9c1f2c0e-7b1d-4a7e'/></message>";

StreamParser open_stream() {
  StreamParser parser;
  parser.feed(
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
      "to='capulet.example' version='1.0'>");
  parser.next();
  return parser;
}

ElementPtr parse(StreamParser& parser) {
  parser.feed(kMessage);
  auto event = parser.next();
  auto* stanza = event ? std::get_if<ElementPtr>(&*event) : nullptr;
  if (!stanza) std::abort();
  return std::move(*stanza);
}

void parse_message(benchmark::State& state) {
  StreamParser parser = open_stream();
  for (auto _ : state) benchmark::DoNotOptimize(parse(parser));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kMessage.size()));
}
BENCHMARK(parse_message);

void parse_message_as_document(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(parse_document(kMessage, {}, ns::client));
}
BENCHMARK(parse_message_as_document);

void open_a_stream(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(open_stream());
}
BENCHMARK(open_a_stream);

void serialise_message(benchmark::State& state) {
  StreamParser parser = open_stream();
  const ElementPtr stanza = parse(parser);
  std::string out;
  for (auto _ : state) {
    out.clear();
    stanza->append_xml(out, ns::client);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * out.size()));
}
BENCHMARK(serialise_message);

void build_message(benchmark::State& state) {
  for (auto _ : state) {
    auto stanza = Element::make("message", ns::client);
    stanza->set_attr("to", "juliet@capulet.example").set_attr("type", "chat").set_attr("id", "9c1f2c0e-7b1d-4a7e");
    stanza->add_text_child("body", "O Romeo, Romeo! Wherefore art thou Romeo? Deny thy father");
    stanza->add("active", ns::chat_states);
    stanza->add("request", ns::receipts);
    stanza->add("origin-id", ns::sid).set_attr("id", "9c1f2c0e-7b1d-4a7e");
    benchmark::DoNotOptimize(stanza.get());
  }
}
BENCHMARK(build_message);

void clone_message(benchmark::State& state) {
  StreamParser parser = open_stream();
  const ElementPtr stanza = parse(parser);
  for (auto _ : state) benchmark::DoNotOptimize(stanza->clone());
}
BENCHMARK(clone_message);

}  // namespace
}  // namespace rookery::xmpp

BENCHMARK_MAIN();
