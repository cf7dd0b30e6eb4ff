// Data Forms, XEP-0004, with the FORM_TYPE of XEP-0068.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "xmpp/payloads/payload.h"

namespace rookery::xmpp {

struct DataForm {
  enum class Type { form, submit, cancel, result };
  struct Option {
    std::string label, value;
    bool operator==(const Option&) const = default;
  };
  struct Field {
    std::string var;   ///< empty only for type "fixed"
    std::string type;  ///< "text-single", "boolean", "hidden", …; empty when it was not given
    std::string label;
    std::vector<std::string> values;
    std::vector<Option> options;
    bool required = false;
    bool operator==(const Field&) const = default;
  };

  Type type = Type::form;
  std::string title;
  std::vector<std::string> instructions;
  std::vector<Field> fields;
  std::vector<Field> reported;            ///< the columns of a result with many items, §3.4
  std::vector<std::vector<Field>> items;  ///< its rows

  /// `<x xmlns='jabber:x:data'/>`; bad-request for an unknown type, a field without name, or a name given twice in a
  /// submitted form.
  static Parsed<DataForm> parse(const Element& x);
  /// The form that is a child of `parent`; nullopt when there is none.
  static Parsed<std::optional<DataForm>> parse_child(const Element& parent);
  void add_to(Element& parent) const;

  /// A form that begins with its hidden FORM_TYPE.
  static DataForm make(Type type, std::string_view form_type);
  /// Empty when the form has none, or one that XEP-0068 §3 does not accept: it has to be hidden, except in a
  /// submission.
  std::string_view form_type() const;

  const Field* field(std::string_view var) const;
  /// The first value; nullopt when the field is absent or has none.
  std::optional<std::string_view> value(std::string_view var) const;
  std::vector<std::string> values(std::string_view var) const;
  /// nullopt when absent; bad-request when it is no xs:boolean.
  Parsed<std::optional<bool>> boolean(std::string_view var) const;

  DataForm& add(std::string_view var, std::string_view value, std::string_view type = {}, std::string_view label = {});
  DataForm& add_boolean(std::string_view var, bool value, std::string_view label = {});
  DataForm& add_values(std::string_view var, std::vector<std::string> values, std::string_view type = {},
                       std::string_view label = {});
  /// A list-single with the options named.
  DataForm& add_choice(std::string_view var, std::string_view value, const std::vector<std::string_view>& options,
                       std::string_view label = {});

  bool operator==(const DataForm&) const = default;
};

}  // namespace rookery::xmpp
