#include "xmpp/document_reader.h"

#include <gtest/gtest.h>

namespace rookery::xmpp {
namespace {

/// Enters what is called "box".
class Recorder final : public DocumentReader::Handler {
 public:
  bool enter(const Element& tag) override {
    if (tag.name() != "box") return false;
    seen += "(" + std::string(tag.attr("id"));
    return true;
  }
  Status leave() override {
    seen += ")";
    return {};
  }
  Status take(ElementPtr element) override {
    seen += element->to_xml();
    if (element->name() == "bad") return fail(Failure::conflict, "I do not want it");
    return {};
  }
  std::string seen;
};

std::string read(std::string_view xml, size_t piece, ParserLimits limits = {}) {
  Recorder recorder;
  DocumentReader reader(limits, recorder);
  for (size_t at = 0; at < xml.size(); at += piece) {
    if (auto fed = reader.feed(xml.substr(at, piece)); !fed) return fed.error().message;
  }
  if (auto ended = reader.finish(); !ended) return ended.error().message;
  return recorder.seen;
}

TEST(DocumentReader, GivesTheChildrenOfContainersOneByOneHoweverTheBytesAreCut) {
  const std::string xml =
      "<?xml version='1.0' encoding='UTF-8'?>\n<box id='1' xmlns='a' xmlns:b='c'>\n <x>ä<b:y/></x>\n <box "
      "id='2'><z/></box></box>\n";
  for (const size_t piece : {1ul, 2ul, 7ul, xml.size()})
    EXPECT_EQ(read(xml, piece), "(1<x xmlns='a'>ä<y xmlns='c'/></x>(2<z xmlns='a'/>))");
}

// REQ 7
TEST(DocumentReader, RefusesWhatAStreamMayNotHoldAndNamesTheLine) {
  EXPECT_EQ(read("<!DOCTYPE x [<!ENTITY a 'b'>]>\n<box>&a;</box>", 100), "line 1: a DTD is not allowed");
  EXPECT_EQ(read("<box>\n\n<!-- x --></box>", 100), "line 3: comments are not allowed");
  EXPECT_EQ(read("<box>\n<?php ?></box>", 100), "line 2: processing instructions are not allowed");
  EXPECT_EQ(read("<box>\n<a>&b;</a></box>", 100), "line 2: entity references are not allowed");
  EXPECT_EQ(read("<box>\n<a></b></box>", 100), "line 2: mismatched tag");
  EXPECT_EQ(read("<box>\n\xff</box>", 100), "line 2: not UTF-8");
  EXPECT_EQ(read("<box>\n\x01</box>", 100), "line 2: not an XML character");
  EXPECT_EQ(read("<box>\n", 100), "line 2: no element found");
  EXPECT_EQ(read("<box/>\xc3", 100), "line 1: not UTF-8");
}

TEST(DocumentReader, StopsWhenTheHandlerRefuses) {
  EXPECT_EQ(read("<box><good/><bad/><good/></box>", 100), "I do not want it");
}

// REQ 7
TEST(DocumentReader, HoldsEachElementToTheLimits) {
  const ParserLimits limits{.stanza_bytes = 100, .elements = 3, .attributes = 2, .depth = 2};
  EXPECT_EQ(read("<box><a><b/><c/></a><a><b/><c/></a></box>", 5, limits), "(<a><b/><c/></a><a><b/><c/></a>)");
  EXPECT_EQ(read("<box><a><b/><c/><d/></a></box>", 100, limits), "line 1: too many elements in one");
  EXPECT_EQ(read("<box><a><b><c/></b></a></box>", 100, limits), "line 1: nested too deeply");
  EXPECT_EQ(read("<box><box><box/></box></box>", 100, limits), "line 1: nested too deeply");
  EXPECT_EQ(read("<box a='1' b='2' c='3'/>", 100, limits), "line 1: too many attributes");
  EXPECT_EQ(read("<box><a>" + std::string(80, 'x') + "<b/>" + std::string(80, 'x') + "<b/></a></box>", 10, limits),
            "line 1: an element is too large");
}

}  // namespace
}  // namespace rookery::xmpp
