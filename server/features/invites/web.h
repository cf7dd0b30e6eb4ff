// Where invitations are looked at and accepted in a browser.
#pragma once

namespace rookery::server {

class Node;

namespace invites {

/// /invite/TOKEN: GET shows the page, POST makes the account that it is good for.
void serve_pages(Node& node);

}  // namespace invites
}  // namespace rookery::server
