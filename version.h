/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The version, for the module (MODULE_VERSION) and for dkms.conf, which reads this
 * file. The topmost heading of CHANGELOG.md says what is new in it.
 */
#ifndef VT_VERSION_H
#define VT_VERSION_H

#define VT_VERSION	"0.2"

#endif /* VT_VERSION_H */
