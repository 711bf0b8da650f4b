//! What the client's documents may do (Content Security Policy, level 3).

/// Scripts and styles come from this origin alone and never from the page's text. Pictures may come from
/// any secure origin, because people link their avatars and attachments. No script writes HTML: the
/// policies for trusted types are Vue's, for its own templates, and the client's, for the addresses of its
/// workers.
pub(super) const CLIENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data: https:; media-src 'self' blob: https:; font-src 'self'; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'; \
    require-trusted-types-for 'script'; trusted-types vue hubbub";

/// The page that stands where no client was built has its style within it, and no script.
pub(super) const ABSENT: &str = "default-src 'none'; style-src 'unsafe-inline'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
