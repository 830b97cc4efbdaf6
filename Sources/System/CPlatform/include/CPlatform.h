int iii_platform_placeholder(void);
